// Sums and maxima over a warp and over a block, in an order that depends on the block's size alone; every
// thread gets the same bits. All threads of the warp or block call them.
#pragma once

#include <cuda_runtime.h>

#include "cuda/launch.h"

namespace athanor {

struct Sum {
  __device__ static float identity() { return 0.0f; }
  __device__ static float of(float a, float b) { return a + b; }
};

struct Max {
  __device__ static float identity() { return -INFINITY; }
  __device__ static float of(float a, float b) { return fmaxf(a, b); }
};

// Over `lanes` neighbouring lanes: 32, or a power of two below it.
template <class Operation, int lanes = warp_size>
__device__ inline float warp_reduce(float value) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) {
    value = Operation::of(value, __shfl_xor_sync(full_mask, value, offset));
  }
  return value;
}

template <int lanes = warp_size>
__device__ inline float warp_sum(float value) {
  return warp_reduce<Sum, lanes>(value);
}

template <int lanes = warp_size>
__device__ inline float warp_max(float value) {
  return warp_reduce<Max, lanes>(value);
}

// Over a one-dimensional block of `threads`, a multiple of 32. The last barrier lets the next call reuse the
// array.
template <class Operation, int threads>
__device__ inline float block_reduce(float value) {
  static_assert(threads % warp_size == 0 && threads <= 1024, "whole warps, as many as one warp can add");
  constexpr int warps = threads / warp_size;
  value = warp_reduce<Operation>(value);
  if (warps == 1) return value;
  SHARED(float, partial, [warps]);
  const int lane = threadIdx.x % warp_size;
  if (lane == 0) partial[threadIdx.x / warp_size] = value;
  __syncthreads();
  value = warp_reduce<Operation>(lane < warps ? partial[lane] : Operation::identity());
  __syncthreads();
  return value;
}

template <int threads>
__device__ inline float block_sum(float value) {
  return block_reduce<Sum, threads>(value);
}

template <int threads>
__device__ inline float block_max(float value) {
  return block_reduce<Max, threads>(value);
}

}  // namespace athanor
