// CUDA: dS of a block summed by bucket of the relative bias. Every warp goes by its own 16 rows: a tile's dS
// lies in shared memory as rows, a lane sums diagonals, that is, distances, and then buckets over the
// distances of the tile, in their order. Sums of blocks are added by a second launch.
#pragma once

#include "ops/attention/attention_scores.h"

namespace athanor {

template <int N>
constexpr int warp_diagonals = warp_rows + N - 1;

// Floats of shared memory for a block with so many buckets: tile, diagonals, sums.
template <int N>
constexpr int table_floats(int buckets) {
  return attention_warps * (warp_rows * (N + 4) + warp_diagonals<N> + buckets);
}

template <int N, bool enabled>
struct TableSums {
  __device__ void clear(float*, float*, const RelativeTable&, int, int) {}
  __device__ void add(const float (&)[N / 8][4], const RelativeTile<N>&) {}
  __device__ void write() const {}
};

template <int N>
struct TableSums<N, true> {
  float* to;  // of the block's head, `step` apart; null: nothing is wanted
  int step, buckets;
  float *rows, *diagonals, *sums, *all_sums;

  // partial (slots, buckets, H); `shared` holds table_floats.
  __device__ void clear(float* shared, float* partial, const RelativeTable& table, int head, int heads) {
    const int64_t slot = blockIdx.x / heads;
    to = partial ? partial + slot * table.buckets * heads + head : nullptr;
    if (!to) return;
    step = heads, buckets = table.buckets;
    rows = shared + warp_index() * warp_rows * (N + 4);
    diagonals = shared + attention_rows * (N + 4) + warp_index() * warp_diagonals<N>;
    all_sums = shared + attention_rows * (N + 4) + attention_warps * warp_diagonals<N>;
    sums = all_sums + warp_index() * buckets;
    for (int u = static_cast<int>(threadIdx.x) % warp_size; u < buckets; u += warp_size) sums[u] = 0.0f;
  }

  __device__ void add(const float (&ds)[N / 8][4], const RelativeTile<N>& tile) {
    if (!to) return;
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    const int* bucket = tile.bucket + attention_rows - warp_rows * (warp_index() + 1);  // of the diagonals
    __syncwarp();
    write_scores<N>(rows, ds);
    __syncwarp();
    for (int d = lane; d < warp_diagonals<N>; d += warp_size) {
      float sum = 0.0f;
      for (int r = 0; r < warp_rows; r++) {
        const int c = d - (warp_rows - 1) + r;
        if (c >= 0 && c < N) sum += rows[r * (N + 4) + c];
      }
      diagonals[d] = sum;
    }
    __syncwarp();
    for (int u = lane; u < buckets; u += warp_size) {
      float sum = 0.0f;
      for (int d = 0; d < warp_diagonals<N>; d++) sum += bucket[d] == u ? diagonals[d] : 0.0f;
      sums[u] += sum;
    }
  }

  __device__ void write() const {
    if (!to) return;
    __syncthreads();
    for (int u = static_cast<int>(threadIdx.x); u < buckets; u += attention_threads) {
      float sum = 0.0f;
      for (int warp = 0; warp < attention_warps; warp++) sum += all_sums[warp * buckets + u];
      to[static_cast<int64_t>(u) * step] = sum;
    }
  }
};

}  // namespace athanor
