// The CUDA side of linear: products by gemm(), and the column sums of the bias gradient.
#include <type_traits>

#include "cuda/bf16.h"
#include "cuda/gemm.h"
#include "cuda/launch.h"
#include "ops/linear/linear.h"

namespace athanor {

namespace {

constexpr int sum_columns = 32, sum_groups = 8;  // threads of a block: columns x groups of rows
constexpr int fp32_rows = 64;  // rows that one thread adds in fp32 before they join a double

// partial (blocks, columns): block b sums rows [b * each, (b + 1) * each), every eighth to a thread.
template <class T>
__global__ void __launch_bounds__(sum_columns* sum_groups)
    column_sums_kernel(const T* x, int64_t ld, int64_t rows, int64_t columns, int64_t each, float* partial) {
  SHARED(float, sums, [sum_groups][sum_columns + 1]);
  const int64_t column_blocks = (columns + sum_columns - 1) / sum_columns;
  const int64_t block = blockIdx.x / column_blocks;
  const int64_t column = blockIdx.x % column_blocks * sum_columns + threadIdx.x % sum_columns;
  const int group = static_cast<int>(threadIdx.x) / sum_columns;
  const int64_t begin = block * each, end = begin + each < rows ? begin + each : rows;
  double total = 0;
  if (column < columns) {
    for (int64_t first = begin + group; first < end; first += fp32_rows * sum_groups) {
      float sum = 0;
#pragma unroll 8
      for (int i = 0; i < fp32_rows; i++) {
        const int64_t row = first + i * sum_groups;
        if (row < end) sum += to_float(x[static_cast<size_t>(row * ld + column)]);
      }
      total += static_cast<double>(sum);
    }
  }
  sums[group][threadIdx.x % sum_columns] = static_cast<float>(total);
  __syncthreads();
  if (group != 0 || column >= columns) return;
  float sum = 0;
#pragma unroll
  for (int i = 0; i < sum_groups; i++) sum += sums[i][threadIdx.x];
  partial[static_cast<size_t>(block * columns + column)] = sum;
}

constexpr int add_threads = 128;

template <class G>
__global__ void __launch_bounds__(add_threads)
    column_sums_add_kernel(const float* partial, int64_t blocks, int64_t columns, G* y) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * add_threads + threadIdx.x;
  if (column >= columns) return;
  double total = 0;
  for (int64_t block = 0; block < blocks; block++) {
    total += static_cast<double>(partial[static_cast<size_t>(block * columns + column)]);
  }
  y[column] = from_float<G>(static_cast<float>(total));
}

// The weight as the second factor: W^T of y = x W^T, or W of dx = dz W.
template <class T>
GemmFactor<T> weight_factor(const T* weight, const LinearSizes& s, bool transposed) {
  const bool out_in = s.layout == WeightLayout::out_in;
  return {weight, out_in ? s.in : s.out, out_in == transposed};
}

template <class T, class W>
void forward(const Cuda& cuda, const LinearForward<T>& a) {
  const LinearSizes& s = a.sizes;
  const GemmOutput<T> out{a.y,        s.out,        0, false, a.bias, a.activation, a.pre_activation,
                          a.residual, a.ld_residual};
  const GemmFactor<T> x{a.x, a.ld_x, false};
  gemm(cuda,
       DeviceGemm<T, W, T>{1, s.rows, s.out, s.in, x,
                           weight_factor(a.weight.template data<const W>(), s, true), out, a.weight_scale});
}

}  // namespace

template <class T>
void linear_forward(Cuda cuda, const LinearForward<T>& a) {
  if constexpr (std::is_same_v<T, float>) {
    if (a.weight.dtype == DType::bf16) return forward<T, bf16>(cuda, a);
    if (a.weight.dtype == DType::i8) return forward<T, int8_t>(cuda, a);
  }
  forward<T, T>(cuda, a);
}

template <class T>
void linear_grad_input(Cuda cuda, const LinearGradInput<T>& a) {
  const LinearSizes& s = a.sizes;
  const GemmFactor<T> dz{a.dz, a.ld_dz, false};
  gemm(cuda,
       DeviceGemm<T, T, T>{1, s.rows, s.in, s.out, dz, weight_factor(a.weight, s, false), {a.dx, s.in}});
}

template <class T, class G>
void linear_grad_weight(Cuda cuda, const LinearGradWeight<T, G>& a) {
  const LinearSizes& s = a.sizes;
  const bool out_in = s.layout == WeightLayout::out_in;
  const GemmFactor<T> dz{a.dz, a.ld_dz, out_in}, x{a.x, a.ld_x, !out_in};
  const int64_t m = out_in ? s.out : s.in, n = out_in ? s.in : s.out;
  gemm(cuda, DeviceGemm<T, T, G>{1, m, n, s.rows, out_in ? dz : x, out_in ? x : dz, {a.dweight, n}});
}

template <class T, class G>
void column_sums(Cuda cuda, const ColumnSums<T, G>& a) {
  if (a.columns == 0) return;
  const int64_t blocks = column_sum_blocks(a.rows);
  if (blocks > 0) {
    const size_t column_blocks = blocks_for(static_cast<size_t>(a.columns), sum_columns);
    launch(column_sums_kernel<T>, dim3(static_cast<unsigned>(static_cast<size_t>(blocks) * column_blocks)),
           dim3(sum_columns * sum_groups), 0, cuda.stream, a.x, a.ld_x, a.rows, a.columns,
           column_sum_rows(a.rows), a.partial);
  }
  launch(column_sums_add_kernel<G>, dim3(blocks_for(static_cast<size_t>(a.columns), add_threads)),
         dim3(add_threads), 0, cuda.stream, a.partial, blocks, a.columns, a.y);
}

template void linear_forward(Cuda, const LinearForward<float>&);
template void linear_forward(Cuda, const LinearForward<bf16>&);
template void linear_grad_input(Cuda, const LinearGradInput<float>&);
template void linear_grad_input(Cuda, const LinearGradInput<bf16>&);
template void linear_grad_weight(Cuda, const LinearGradWeight<float, float>&);
template void linear_grad_weight(Cuda, const LinearGradWeight<bf16, float>&);
template void linear_grad_weight(Cuda, const LinearGradWeight<bf16, bf16>&);
template void column_sums(Cuda, const ColumnSums<float, float>&);
template void column_sums(Cuda, const ColumnSums<bf16, float>&);
template void column_sums(Cuda, const ColumnSums<bf16, bf16>&);

}  // namespace athanor
