// CUDA: the softmax that forward makes while it walks over the keys, and what it leaves: O and the statistics
// of rows. On registers laid out as in attention_products.h, whose rows are queries.
#pragma once

#include "ops/attention/attention_scores.h"

namespace athanor {

// Softmax of a lane's two rows over the keys so far.
template <class T, int N>
struct RunningSoftmax {
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {0.0f, 0.0f};  // over this lane's columns

  // Scores become exp(score - largest); keep: what earlier sums are multiplied by.
  __device__ void add(float (&s)[N / 8][4], float (&keep)[2]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float now = largest[r];
#pragma unroll
      for (int n = 0; n < N / 8; n++) now = fmaxf(now, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
      now = fmaxf(now, __shfl_xor_sync(full_mask, now, 1));
      now = fmaxf(now, __shfl_xor_sync(full_mask, now, 2));
      const float shift = now == -INFINITY ? 0.0f : now;  // of nothing: -inf - -inf would be NaN
      keep[r] = Exponent<T>::of(largest[r] - shift);
      largest[r] = now;
      float sum = 0.0f;
#pragma unroll
      for (int n = 0; n < N / 8; n++) {
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; e++) {
          s[n][e] = Exponent<T>::of(s[n][e] - shift);
          sum += s[n][e];
        }
      }
      total[r] = total[r] * keep[r] + sum;
    }
  }

  // Over the lanes of a row.
  __device__ void finish() {
#pragma unroll
    for (int r = 0; r < 2; r++) total[r] = warp_sum_of_row(total[r]);
  }
  __device__ static float warp_sum_of_row(float x) {
    x += __shfl_xor_sync(full_mask, x, 1);
    return x + __shfl_xor_sync(full_mask, x, 2);
  }

  // log sum exp of row r, in natural units.
  __device__ float logarithm(int r) const {
    if (total[r] == 0.0f) return -INFINITY;
    return (largest[r] + Exponent<T>::log(total[r])) / Exponent<T>::unit;
  }
};

// The rows of a warp, by way of its part of the tile of queries.
template <class T, int D, int N>
__device__ inline void write_output(const AttentionOperands<T>& a, const AttentionBlock& at,
                                    RunningSoftmax<T, N>& softmax, Accumulator<T, D>& sum, T* warp_tile, T* o,
                                    float* lse) {
  softmax.finish();
  float scale[2];
#pragma unroll
  for (int r = 0; r < 2; r++) scale[r] = softmax.total[r] == 0.0f ? 0.0f : a.keep_scale / softmax.total[r];
  // 0 also where 0 V is NaN.
  sum.each([&](float x, int r) { return scale[r] == 0.0f ? 0.0f : x * scale[r]; });
  sum.write(warp_tile);
  const int warp_row = at.row + warp_index() * warp_rows, rows = at.queries.count - warp_row;
  const int64_t first = at.queries.first + warp_row, width = static_cast<int64_t>(a.heads) * a.head_size;
  store_warp_rows<T, D>(o + first * width + at.head * a.head_size, width, warp_tile, rows, a.head_size,
                        a.vectors);
  if (!lse || lane_pair() != 0) return;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = lane_group() + 8 * r;
    if (row < rows) lse[at.head * a.q_rows + first + row] = softmax.logarithm(r);
  }
}

}  // namespace athanor
