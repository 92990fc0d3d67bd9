// CUDA, sm_90a: what attention's kernels by wgmma and TMA share. A block has 128 rows of a head, 64 to each
// of two warpgroups, and the other side passes by in tiles of 64 rows of two tensors, which TMA brings into a
// ring: keys and values past queries, or queries and their gradients past keys.
#pragma once

#include "cuda/layout_hopper.h"
#include "cuda/words_hopper.h"
#include "ops/attention/attention_scores.h"

namespace athanor {

constexpr int hopper_threads = 256, hopper_warps = hopper_threads / warp_size;
constexpr int hopper_rows = hopper_warps * warp_rows;  // of a block
constexpr int hopper_tile_rows = 64;                   // of a tile that passes by
constexpr int ring_tiles = 4;
constexpr int panel_bytes = hopper_tile_rows * hopper_line_bytes;  // 64 columns of a tile

template <int D>
constexpr int hopper_tile_bytes = hopper_tile_rows* D* static_cast<int>(sizeof(bf16));

#if HOPPER_WORDS

// The tiles in the order in which they are used: rows from 64 t on are tile 2 t of the first tensor and 2 t +
// 1 of the second.
template <int D>
struct TileRing {
  char* tiles;
  uint64_t* full;   // a tile has arrived
  uint64_t* empty;  // all warps have used it
  const CUtensorMap* first;
  const CUtensorMap* second;
  int first_row, column;  // of tile 0
  int count;              // of tiles

  __device__ char* at(int tile) const { return tiles + tile % ring_tiles * hopper_tile_bytes<D>; }
  __device__ int parity(int tile) const { return tile / ring_tiles % 2; }

  // By one thread.
  __device__ void load(int tile) const {
    uint64_t* barrier = full + tile % ring_tiles;
    barrier_arrive_expect(barrier, hopper_tile_bytes<D>);
#pragma unroll
    for (int panel = 0; panel < D / hopper_line_elements; panel++) {
      tma_load(at(tile) + panel * panel_bytes, tile % 2 ? second : first, barrier,
               column + panel * hopper_line_elements, first_row + tile / 2 * hopper_tile_rows, 0);
    }
  }
  // By all threads.
  __device__ void begin() const {
    if (threadIdx.x == 0) {
      for (int i = 0; i < ring_tiles; i++) {
        barrier_init(full + i, 1);
        barrier_init(empty + i, hopper_warps);
      }
      barrier_init_fence();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int tile = 0; tile < ring_tiles && tile < count; tile++) load(tile);
    }
  }
  // By whole warps, which leave the wait, and lane 0 its loading, together again: wgmma wants that.
  __device__ void wait(int tile) const {
    barrier_wait(full + tile % ring_tiles, parity(tile));
    __syncwarp();
  }
  // By whole warps, after they have waited for their products.
  __device__ void release(int tile) const {
    if (threadIdx.x % warp_size == 0) barrier_arrive(empty + tile % ring_tiles);
  }
  // Overwrites a tile once all warps have used it.
  __device__ void refill(int tile) const {
    if (threadIdx.x != 0 || tile < 0 || tile + ring_tiles >= count) return;
    barrier_wait(empty + tile % ring_tiles, parity(tile));
    load(tile + ring_tiles);
  }
};

// P or dS as wgmma takes it.
struct PackedScores {
  uint32_t fragment[hopper_tile_rows / 16][4];

  __device__ void pack(const Scores<hopper_tile_rows>& p) {
#pragma unroll
    for (int step = 0; step < hopper_tile_rows / 16; step++) {
      const float(&left)[4] = p[2 * step];
      const float(&right)[4] = p[2 * step + 1];
      fragment[step][0] = pack_bf16(left[0], left[1]), fragment[step][1] = pack_bf16(left[2], left[3]);
      fragment[step][2] = pack_bf16(right[0], right[1]), fragment[step][3] = pack_bf16(right[2], right[3]);
    }
  }
};

// sum += P B; B: the rows of a tile.
template <int D>
__device__ void accumulate_tile(Accumulator<bf16, D>& sum, const PackedScores& p, const char* b) {
#pragma unroll
  for (int step = 0; step < hopper_tile_rows / 16; step++) {
    wgmma_rows<true>(sum.c, p.fragment[step], wgmma_operand(shared_address(b), false, 0, step));
  }
}

// TMA does not know where the sequence ends: the rows beyond, of which P is 0, may hold NaN. Lines are
// cleared whole, so their swizzling does not matter. By all threads; publish_cleared() follows.
template <int D>
__device__ void clear_rows(char* tile, int rows) {
  constexpr int pieces = hopper_line_bytes / 16, panels = D / hopper_line_elements;
  for (int i = static_cast<int>(threadIdx.x); i < (hopper_tile_rows - rows) * pieces * panels;
       i += hopper_threads) {
    const int line = rows + i / pieces / panels, panel = i / pieces % panels;
    *reinterpret_cast<uint4*>(tile + panel * panel_bytes + line * hopper_line_bytes + i % pieces * 16) =
        make_uint4(0, 0, 0, 0);
  }
}

__device__ inline void publish_cleared() {
  shared_writes_fence();
  __syncthreads();
}

#endif

}  // namespace athanor
