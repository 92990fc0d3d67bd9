// CUDA: floats as integers in the same order, and the largest of a row found by them.
#pragma once

#include <cstdint>

#include "cuda/launch.h"

namespace athanor {

constexpr uint32_t nan_key = 0xFFFFFFFFu;  // above all others

// Keys compare as the floats do; -0 equals 0.
__device__ inline uint32_t key_of(float x) {
  if (x != x) return nan_key;
  const uint32_t bits = __float_as_uint(x + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ inline float float_of(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

// Calls take(i, place) for the `threads` threads' elements i of [0, n) with flag(i), place counting them in
// ascending order from 0, until `most` have been taken. All threads of the block call it.
template <int threads, class Flag, class Take>
__device__ void in_order(int n, int most, const Flag& flag, const Take& take) {
  constexpr int warps = threads / warp_size;
  SHARED(int, counts, [warps]);
  const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  int taken = 0;
  for (int first = 0; first < n && taken < most; first += threads) {
    const int i = first + static_cast<int>(threadIdx.x);
    const bool found = i < n && flag(i);
    const unsigned votes = __ballot_sync(full_mask, found);
    if (lane == 0) counts[warp] = __popc(votes);
    __syncthreads();
    int before = 0, all = 0;
    for (int w = 0; w < warps; w++) {
      if (w < warp) before += counts[w];
      all += counts[w];
    }
    const int place = taken + before + __popc(votes & ((1u << lane) - 1));
    if (found && place < most) take(i, place);
    taken += all;
    __syncthreads();  // before the counts are written again
  }
}

}  // namespace athanor
