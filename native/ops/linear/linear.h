// y = activation(x W^T + bias) + residual, and its gradients. With dz = dy activation'(z), where z is what
// entered the activation: dx = dz W, dW = dz^T x, dbias = the column sums of dz. Row-major fp32. The weight
// is (out, in), or (in, out) as GPT-2's Conv1D keeps it; then read W for W^T above. Every gradient
// overwrites.
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

struct LinearForward {
  const float* x;  // (rows, in), ld_x elements from row to row
  int64_t ld_x;
  // By layout; f32, bf16 or i8, contiguous. Where it `repeats`, it is likely to be used again unchanged, and
  // the device may keep it in a layout of its own (Storage::other_layout). Always so for bf16 and i8.
  const View& weight;
  bool repeats;
  const float* weight_scale;  // (out), of i8
  const float* bias;          // (out) or null
  Function activation;
  const float* residual;  // (rows, out), ld_residual elements from row to row; or null
  int64_t ld_residual;
  float* y;               // (rows, out)
  float* pre_activation;  // (rows, out), receives z; or null
  LinearSizes sizes;
};

struct LinearGradInput {
  const float* dz;  // (rows, out), ld_dz elements from row to row
  int64_t ld_dz;
  const float* weight;  // by layout
  float* dx;            // (rows, in)
  LinearSizes sizes;
};

struct LinearGradWeight {
  const float* dz;  // (rows, out), ld_dz
  int64_t ld_dz;
  const float* x;  // (rows, in), ld_x
  int64_t ld_x;
  float* dweight;  // by layout
  LinearSizes sizes;
};

// Rows are cut into fixed blocks, summed block by block, and the blocks in order: the bits depend on the
// sizes alone. 64 rows are added in fp32, what exceeds that in double: a running fp32 total of equal
// gradients would drift with the number of rows.
struct ColumnSums {
  const float* x;  // (rows, columns), ld_x elements from row to row
  int64_t ld_x;
  float* partial;  // (column_sum_blocks(rows), columns)
  float* y;        // (columns)
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

void linear_forward(Cpu, const LinearForward& a);
void linear_forward(Cuda, const LinearForward& a);
void linear_grad_input(Cpu, const LinearGradInput& a);
void linear_grad_input(Cuda, const LinearGradInput& a);
void linear_grad_weight(Cpu, const LinearGradWeight& a);
void linear_grad_weight(Cuda, const LinearGradWeight& a);
void column_sums(Cpu, const ColumnSums& a);
void column_sums(Cuda, const ColumnSums& a);

}  // namespace athanor
