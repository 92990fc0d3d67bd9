// Layer normalisation of each row (Ba, Kiros, Hinton, "Layer Normalization", 2016) with the dropout and the
// residual addition of a transformer block in the same pass:
//   s = x + dropout(residual),  y = (s - mean(s)) / sqrt(var(s) + eps) * weight + bias
// In a post-norm block x is the stream and `residual` what the sublayer gave. Without a residual, s is x.
// The dropout mask is that of core/random.h over the elements of `residual` in row order.
// Root-mean-square normalisation (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019) is the
// same without mean and bias: y = s / sqrt(mean(s^2) + eps) * weight.
#pragma once

#include <cstdint>

#include "ops/op.h"
#include "ops/parameter_gradient.h"

namespace athanor {

enum class NormKind { layer, root_mean_square };

// T: f32, or bf16 on CUDA. Statistics are fp32 always.
template <class T>
struct LayerNormForward {
  NormKind kind;
  const T* x;  // (T, C), row stride x_stride
  int64_t x_stride;
  const T* residual;  // (T, C), row stride residual_stride; or null
  int64_t residual_stride;
  const T* weight;    // (C)
  const T* bias;      // (C) or null
  T* y;               // (T, C)
  T* sum;             // (T, C): s; null where nobody needs it
  float* statistics;  // (2, T): mean (0 without one), then 1 / sqrt(...); null where nobody needs them
  int64_t rows, width;
  float eps, p;
  uint64_t seed, call;
};

// dx and dresidual may be the same memory when p is 0. Outputs overwrite; null where nobody needs them.
template <class T>
struct LayerNormBackward {
  NormKind kind;
  const T* dy;  // (T, C), row stride dy_stride; null: no gradient through y
  int64_t dy_stride;
  const T* dsum;  // (T, C), row stride dsum_stride; null: no gradient through the sum
  int64_t dsum_stride;
  const T* s;  // (T, C), row stride s_stride
  int64_t s_stride;
  const float* statistics;           // (2, T)
  const T* weight;                   // (C)
  T* dx;                             // (T, C)
  T* dresidual;                      // (T, C)
  ParameterGradient dweight, dbias;  // (C)
  float*
      partials;  // (2, blocks, C), CPU only: dweight and dbias of each block of rows; null without those two
  int64_t rows, width;
  float p;
  uint64_t seed, call;
};

// Rows are cut into blocks that depend on their number alone, and the blocks' sums added in order: dweight
// and dbias have the same bits with any number of threads.
constexpr int64_t layer_norm_most_blocks = 128;
inline int64_t layer_norm_block_rows(int64_t rows) {
  int64_t each = (rows + layer_norm_most_blocks - 1) / layer_norm_most_blocks;
  return each < 16 ? 16 : each;
}
inline int64_t layer_norm_blocks(int64_t rows) {
  return (rows + layer_norm_block_rows(rows) - 1) / layer_norm_block_rows(rows);
}

void layer_norm_forward(Cpu, const LayerNormForward<float>& a);
void layer_norm_backward(Cpu, const LayerNormBackward<float>& a);
template <class T>
void layer_norm_forward(Cuda, const LayerNormForward<T>& a);
template <class T>
void layer_norm_backward(Cuda, const LayerNormBackward<T>& a);

}  // namespace athanor
