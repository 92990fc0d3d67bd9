// Maximum and sum of exponentials of a row in one pass (Milakov and Gimelshein, "Online normalizer
// calculation for softmax", 2018): when a larger element comes, what was added up is scaled down to it.
#pragma once

#include "cuda/row_team.h"

namespace athanor {

// exp in the precision that elements of T deserve: __expf is off by 2 + |1.16 x| units in the last place of
// fp32, nothing beside the 8 bits of a bf16.
template <class T>
__device__ float exponential(float x) {
  return expf(x);
}
template <>
__device__ inline float exponential<bf16>(float x) {
  return __expf(x);
}

// What exponents are relative to. An infinite maximum serves no subtraction: inf - inf would be NaN.
__device__ inline float shift_of(float max) {
  return std::isinf(max) ? 0.0f : max;
}

template <class T>
struct OnlineSoftmax {
  float max = -INFINITY;
  float sum = 0.0f;  // of exp(x - shift_of(max)): NaN if an element is NaN

  // Returns by how much the shift grew.
  __device__ float raise(float to) {
    if (!(to > max)) return 0.0f;
    const float step = shift_of(to) - shift_of(max);
    if (max != -INFINITY) sum *= exponential<T>(-step);  // else the sum is 0 or NaN, and exp may be infinite
    max = to;
    return step;
  }

  template <int n>
  __device__ float add(const float (&x)[n]) {
    float largest = x[0];
#pragma unroll
    for (int i = 1; i < n; i++) largest = fmaxf(largest, x[i]);
    const float step = raise(largest);
    const float shift = shift_of(max);
#pragma unroll
    for (int i = 0; i < n; i++) sum += exponential<T>(x[i] - shift);
    return step;
  }

  // Of the whole row, from what its threads have seen.
  template <class Team>
  __device__ float combine(Team& team) {
    const float step = raise(team.max(max));
    sum = team.sum(sum);
    return step;
  }

  // The sum that softmax divides by: with an infinite element all are undefined.
  __device__ float divisor() const {
    return std::isinf(max) ? NAN : sum;
  }
};

}  // namespace athanor
