// CUDA: which rows a block works on, and tiles of rows in shared memory.
//
// Every kernel gives a block 64 rows (attention_hopper.cu: 128) of one head of one sequence, 16 to each of
// its warps: queries, or, for dK and dV, keys. Blocks are numbered without knowing the lengths: sequence b
// owns the slots [offsets[b] / 64 + b, offsets[b + 1] / 64 + b + 1), which are at least as many as its tiles;
// a block whose slot holds no tile ends at once.
#pragma once

#include "cuda/bf16.h"
#include "cuda/launch.h"
#include "cuda/mma.h"

namespace athanor {

constexpr int attention_threads = 128;
constexpr int attention_warps = attention_threads / warp_size;
constexpr int attention_rows = 64;  // of a block
constexpr int warp_rows = attention_rows / attention_warps;

__host__ __device__ inline int64_t attention_slots(int64_t rows, int64_t batch,
                                                   int block_rows = attention_rows) {
  return rows / block_rows + batch;
}

// Elements from row to row of a tile in shared memory: one 16-byte chunk more than a row has, so that eight
// rows lie in different banks.
template <class T, int D>
constexpr int tile_pitch = D + 16 / static_cast<int>(sizeof(T));

template <class T, int D>
__host__ __device__ constexpr int tile_elements(int rows) {
  return rows * tile_pitch<T, D>;
}

// Which sequence a slot belongs to. A warp looks at 32 sequences at a time.
__device__ inline int sequence_of_slot(const int32_t* offsets, int batch, int slot, int block_rows) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  int first = 0, end = batch;
  while (end - first > 1) {
    const int step = (end - first + warp_size - 1) / warp_size;
    const int at = first + lane * step;
    const bool begun = at < end && offsets[at] / block_rows + at <= slot;
    first += (__popc(__ballot_sync(full_mask, begun)) - 1) * step;
    end = end < first + step ? end : first + step;
  }
  return first;
}

struct SequenceRows {
  int first, count;  // row in the batch, length

  __device__ SequenceRows(const int32_t* offsets, int sequence)
      : first(offsets[sequence]), count(offsets[sequence + 1] - offsets[sequence]) {}
};

// A tile of `rows` rows of one head from memory; `count` of them are there (any number), of `width` elements
// each; the rest becomes 0. vectors: every row is aligned to 16 bytes and so is its width.
template <class T, int D, int rows, int threads = attention_threads>
__device__ inline void load_tile(T* tile, const T* from, int64_t stride, int count, int width, bool vectors) {
  constexpr int each = 16 / static_cast<int>(sizeof(T)), chunks = D / each;
  static_assert(rows * chunks % threads == 0, "every thread has the same number of chunks");
#pragma unroll 2
  for (int step = 0; step < rows * chunks / threads; step++) {
    const int i = step * threads + static_cast<int>(threadIdx.x);
    const int row = i / chunks, column = i % chunks * each;
    const int left = row < count ? width - column : 0, n = left < 0 ? 0 : left < each ? left : each;
    const T* source = n > 0 ? from + row * stride + column : from;
    T* target = tile + row * tile_pitch<T, D> + column;
    if (vectors) {
      copy_async_16(target, source, n * static_cast<int>(sizeof(T)));
    } else {
      for (int j = 0; j < each; j++) target[j] = j < n ? source[j] : T{};
    }
  }
}

// The 16 rows of a warp from its part of a tile to memory, after the warp has written them there.
template <class T, int D>
__device__ inline void store_warp_rows(T* to, int64_t stride, const T* tile, int count, int width,
                                       bool vectors) {
  constexpr int each = 16 / static_cast<int>(sizeof(T)), chunks = D / each;
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  __syncwarp();
#pragma unroll 2
  for (int i = lane; i < warp_rows * chunks; i += warp_size) {
    const int row = i / chunks, column = i % chunks * each;
    const int left = row < count ? width - column : 0;
    const T* source = tile + row * tile_pitch<T, D> + column;
    T* target = to + row * stride + column;
    if (vectors) {
      if (left > 0) *reinterpret_cast<uint4*>(target) = *reinterpret_cast<const uint4*>(source);
    } else {
      for (int j = 0; j < each && j < left; j++) target[j] = source[j];
    }
  }
}

}  // namespace athanor
