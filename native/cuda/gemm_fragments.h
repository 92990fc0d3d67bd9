// Operand tiles of the tensor-core GEMM in shared memory, and the fragments that mma reads from them.
//
// A tile has `lines` lines of `chunks` 16-byte chunks. Stored by depth, a line is a row of A (a column of B)
// and holds 128 bytes of k; stored by row, a line is one k and holds all rows of the tile. Chunk c of a line
// lies at c ^ f(line), so that what one instruction reads from eight lines falls into different banks.
#pragma once

#include <cuda_runtime.h>

#include "cuda/copy_async.h"
#include "cuda/gemm.h"
#include "cuda/gemm_mma.h"

namespace athanor {

// One factor in global memory. vectors: 16-byte loads are allowed.
template <class T>
struct FactorSource {
  const T* data;
  int64_t ld, stride;
  bool vectors;
};

template <class T>
FactorSource<T> factor_source(const GemmFactor<T>& f, int64_t batch) {
  return {f.data, f.ld, f.stride, loads_as_vectors(f, batch)};
}

template <class T, bool by_depth>
__host__ __device__ constexpr int chunk_swizzle(int line) {
  if (by_depth || sizeof(T) == 2) return line & 7;
  return sizeof(T) == 4 ? (line & 3) << 1 : line >> 2 & 3;
}

template <class T, int lines_, int chunks_, bool by_depth>
struct OperandTile {
  static constexpr int lines = lines_, chunks = chunks_, per_chunk = 16 / sizeof(T);
  static constexpr int bytes = lines * chunks * 16;

  __device__ static T* chunk(T* tile, int line, int index) {
    return tile + (line * chunks + (index ^ chunk_swizzle<T, by_depth>(line))) * per_chunk;
  }
  __device__ static T at(const T* tile, int line, int element) {
    return chunk(const_cast<T*>(tile), line, element / per_chunk)[element % per_chunk];
  }

  // Lines from `line` and elements from `element` on; zeros from the ends on.
  template <int threads>
  __device__ static void load(T* tile, const T* data, int64_t ld, bool vectors, int line, int line_end,
                              int element, int element_end) {
    static_assert(lines * chunks % threads == 0, "every thread has the same number of chunks");
#pragma unroll 4  // all at once, the addresses of the large tile spill
    for (int step = 0; step < lines * chunks / threads; step++) {
      const int i = step * threads + static_cast<int>(threadIdx.x);
      const int from_line = line + i / chunks, from = element + i % chunks * per_chunk;
      const int left = from_line < line_end ? element_end - from : 0;
      const int count = left <= 0 ? 0 : left < per_chunk ? left : per_chunk;
      const T* source = count > 0 ? data + static_cast<size_t>(from_line * ld + from) : data;
      T* target = chunk(tile, i / chunks, i % chunks);
      if (vectors) {
        copy_async_16(target, source, count * static_cast<int>(sizeof(T)));
      } else {
        for (int j = 0; j < per_chunk; j++) target[j] = j < count ? source[j] : T{};
      }
    }
  }
};

// Four bytes of a fragment from a tile stored by row: neighbours in k are on different lines.
template <class Tile, class T>
__device__ inline uint32_t gather_word(const T* tile, int line, int element) {
  if constexpr (sizeof(T) == 4) {
    return __float_as_uint(Tile::at(tile, line, element));
  } else {
    uint32_t word = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      word |= static_cast<uint32_t>(static_cast<uint8_t>(Tile::at(tile, line + i, element))) << (8 * i);
    }
    return word;
  }
}

// The 16 x 32 bytes of A that one mma multiplies: rows from `row`, bytes [32 step, 32 step + 32) of k.
template <class Tile, bool by_depth, class T>
__device__ inline void load_a_fragment(const T* tile, int row, int step, uint32_t (&a)[4]) {
  const int lane = static_cast<int>(threadIdx.x) & 31;
  T* shared = const_cast<T*>(tile);
  if constexpr (by_depth) {
    ldmatrix_x4(a, Tile::chunk(shared, row + (lane & 15), 2 * step + (lane >> 4)));
  } else if constexpr (sizeof(T) == 2) {
    const int line = 16 * step + (lane & 7) + (lane >> 4 << 3);
    ldmatrix_x4_trans(a, Tile::chunk(shared, line, row / 8 + (lane >> 3 & 1)));
  } else {
    constexpr int words = 4 / sizeof(T);  // lines to a word
    const int line = 32 / static_cast<int>(sizeof(T)) * step + (lane & 3) * words, r = row + (lane >> 2);
#pragma unroll
    for (int i = 0; i < 4; i++) a[i] = gather_word<Tile>(tile, line + (i >> 1) * 4 * words, r + (i & 1) * 8);
  }
}

// The 32 bytes x 16 of B for two mma: columns from `column`; b[0..1] of the first eight, b[2..3] of the
// others.
template <class Tile, bool by_depth, class T>
__device__ inline void load_b_fragments(const T* tile, int column, int step, uint32_t (&b)[4]) {
  const int lane = static_cast<int>(threadIdx.x) & 31;
  T* shared = const_cast<T*>(tile);
  if constexpr (by_depth) {
    const int line = column + (lane & 7) + (lane >> 4 << 3);
    ldmatrix_x4(b, Tile::chunk(shared, line, 2 * step + (lane >> 3 & 1)));
  } else if constexpr (sizeof(T) == 2) {
    const int line = 16 * step + (lane & 15);
    ldmatrix_x4_trans(b, Tile::chunk(shared, line, column / 8 + (lane >> 4)));
  } else {
    constexpr int words = 4 / sizeof(T);
    const int line = 32 / static_cast<int>(sizeof(T)) * step + (lane & 3) * words;
    const int c = column + (lane >> 2);
#pragma unroll
    for (int i = 0; i < 4; i++) b[i] = gather_word<Tile>(tile, line + (i & 1) * 4 * words, c + (i >> 1) * 8);
  }
}

}  // namespace athanor
