// y = activation(x W^T + bias) + residual, and its gradients. With dz = dy activation'(z), where z is what
// entered the activation: dx = dz W, dW = dz^T x, dbias = the column sums of dz. Row-major; elements are f32,
// on CUDA bf16 too (sums are fp32). The weight is (out, in), or (in, out) as GPT-2's Conv1D keeps it; then
// read W for W^T above. Every gradient overwrites.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

constexpr int64_t int8_depth_most = 65536;  // inputs of an i8 weight: sums must fit 32 bits

enum class WeightLayout : int32_t { out_in = 0, in_out = 1 };

struct LinearSizes {
  int64_t rows, in, out;
  WeightLayout layout;
};

template <class T>
struct LinearForward {
  const T* x;  // (rows, in), ld_x elements from row to row
  int64_t ld_x;
  // By layout; T, or for f32 activations bf16 or i8; contiguous. Where it `repeats`, it is likely to be used
  // again unchanged, and the CPU may keep it in a layout of its own (Storage::other_layout). Always so for
  // bf16 and i8.
  const View& weight;
  bool repeats;
  const float* weight_scale;  // (out), of i8
  const T* bias;              // (out) or null
  Function activation;
  const T* residual;  // (rows, out), ld_residual elements from row to row; or null
  int64_t ld_residual;
  T* y;               // (rows, out)
  T* pre_activation;  // (rows, out), receives z; or null
  LinearSizes sizes;
};

template <class T>
struct LinearGradInput {
  const T* dz;  // (rows, out), ld_dz elements from row to row
  int64_t ld_dz;
  const T* weight;  // by layout
  T* dx;            // (rows, in)
  LinearSizes sizes;
};

template <class T, class G>
struct LinearGradWeight {
  const T* dz;  // (rows, out), ld_dz
  int64_t ld_dz;
  const T* x;  // (rows, in), ld_x
  int64_t ld_x;
  G* dweight;  // by layout
  LinearSizes sizes;
};

// Rows are cut into fixed blocks, summed block by block, and the blocks in order: the bits depend on the
// sizes alone. 64 rows are added in fp32, what exceeds that in double: a running fp32 total of equal
// gradients would drift with the number of rows.
template <class T, class G>
struct ColumnSums {
  const T* x;  // (rows, columns), ld_x elements from row to row
  int64_t ld_x;
  float* partial;  // (column_sum_blocks(rows), columns)
  G* y;            // (columns)
  int64_t rows, columns;
};

// 128 rows to a block, more where that would make over 64 blocks: their partial sums stay small.
inline int64_t column_sum_rows(int64_t rows) {
  int64_t each = (rows + 63) / 64;
  return each < 128 ? 128 : each;
}
inline int64_t column_sum_blocks(int64_t rows) {
  return (rows + column_sum_rows(rows) - 1) / column_sum_rows(rows);
}

void linear_forward(Cpu, const LinearForward<float>& a);
void linear_grad_input(Cpu, const LinearGradInput<float>& a);
void linear_grad_weight(Cpu, const LinearGradWeight<float, float>& a);
void column_sums(Cpu, const ColumnSums<float, float>& a);

// T is float or bf16, G float or T.
template <class T>
void linear_forward(Cuda, const LinearForward<T>& a);
template <class T>
void linear_grad_input(Cuda, const LinearGradInput<T>& a);
template <class T, class G>
void linear_grad_weight(Cuda, const LinearGradWeight<T, G>& a);
template <class T, class G>
void column_sums(Cuda, const ColumnSums<T, G>& a);

}  // namespace athanor
