// CUDA: the launches of backward. Each is compiled in a file of its own, so that no file takes long.
#pragma once

#include "ops/attention/attention_gradient.h"

namespace athanor {

// dQ in `first`, or dK in `first` and dV in `second`; either may be null.
template <class T>
struct GradientResults {
  T* first;
  T* second;
  int64_t first_stride, second_stride;
  float* table;  // (slots, buckets, H): dS of each block summed by bucket, or null
};

// options: whether there are biases or dropout.
template <class T, Side side>
void launch_attention_gradient(const Cuda& cuda, dim3 grid, bool options, const GradientOperands<T>& operands,
                               const GradientResults<T>& results);

// dbias (bias_batch, H, bias_rows, bias_columns).
template <class T>
void launch_bias_gradient(const Cuda& cuda, int64_t bias_batch, const GradientOperands<T>& operands,
                          float* dbias);

}  // namespace athanor
