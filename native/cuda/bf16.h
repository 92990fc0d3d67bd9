// Elements in memory and floats in registers. to_float and from_float take every element type of a float
// kernel, so that one template serves f32 and bf16; rounding is to nearest, ties to even.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "core/dtype.h"

namespace athanor {

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(bf16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}

template <class T>
__device__ inline T from_float(float value);

template <>
__device__ inline float from_float<float>(float value) {
  return value;
}

template <>
__device__ inline bf16 from_float<bf16>(float value) {
  return bf16{__bfloat16_as_ushort(__float2bfloat16_rn(value))};
}

// Two neighbours of an mma fragment: the first in the lower half.
__device__ inline uint32_t pack_bf16(bf16 first, bf16 second) {
  return static_cast<uint32_t>(first.bits) | static_cast<uint32_t>(second.bits) << 16;
}

__device__ inline uint32_t pack_bf16(float first, float second) {
  return pack_bf16(from_float<bf16>(first), from_float<bf16>(second));
}

__device__ inline float low_float(uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ inline float high_float(uint32_t pair) {
  return __uint_as_float(pair & 0xFFFF0000u);
}

}  // namespace athanor
