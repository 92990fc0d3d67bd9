// The CPU side of linear: calls of gemm, which adds the bias and applies the activation while the tile is in
// cache, and the column sums of the bias gradient. Weights that do not change are kept packed.
#include <algorithm>
#include <memory>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/packed_gemm.h"
#include "cpu/pool.h"
#include "ops/linear/linear.h"

namespace athanor {

namespace {

constexpr int64_t group_rows = 64;  // rows added in fp32 before they join a double

size_t size(int64_t n) {
  return static_cast<size_t>(n);
}

// The weight as packed before, or packed now; null where that does not pay. An f32 weight is packed when it
// is used for the second time since it changed: to the same bits. With few rows, where the packed product
// adds in another order, it is packed at once, so that equal calls give equal bits.
const PackedWeight* packed_weight(const LinearForward<float>& a) {
  Storage& storage = *a.weight.storage;
  if (auto* packed = static_cast<const PackedWeight*>(storage.other_layout.get())) {
    return a.repeats ? packed : nullptr;
  }
  const DType dtype = a.weight.dtype;
  const bool few = size(a.sizes.rows) <= detail::rows_streamed;
  if (dtype == DType::f32 && (!a.repeats || (!few && ++storage.other_uses < 2))) return nullptr;
  storage.ensure();
  const PlainWeight plain{a.weight.data<void>(), dtype, size(a.sizes.out), size(a.sizes.in),
                          a.sizes.layout == WeightLayout::out_in};
  storage.set_other_layout(std::make_unique<PackedWeight>(kernels(), storage.device.allocator(), plain));
  return static_cast<const PackedWeight*>(storage.other_layout.get());
}

void forward_packed(const LinearForward<float>& a, const PackedWeight& weight) {
  PackedGemm g;
  g.m = size(a.sizes.rows);
  g.a = a.x, g.lda = size(a.ld_x);
  g.weight = &weight;
  g.weight_scale = a.weight_scale;
  g.c = a.y, g.ldc = size(a.sizes.out);
  g.bias = a.bias;
  g.activation = a.activation;
  g.residual = a.residual, g.ld_residual = size(a.ld_residual);
  gemm(g);
}

}  // namespace

void linear_forward(Cpu, const LinearForward<float>& a) {
  if (const PackedWeight* packed = packed_weight(a)) {
    forward_packed(a, *packed);
    return;
  }
  a.weight.storage->ensure();
  Gemm g;
  g.m = size(a.sizes.rows), g.n = size(a.sizes.out), g.k = size(a.sizes.in);
  g.a = a.x, g.lda = size(a.ld_x);
  g.b = a.weight.data<float>();
  g.b_transposed = a.sizes.layout == WeightLayout::out_in;
  g.ldb = size(g.b_transposed ? a.sizes.in : a.sizes.out);
  g.c = a.y, g.ldc = size(a.sizes.out);
  g.bias = a.bias;
  g.activation = a.activation;
  g.pre_activation = a.pre_activation;
  g.residual = a.residual, g.ld_residual = size(a.ld_residual);
  gemm(g);
}

void linear_grad_input(Cpu, const LinearGradInput<float>& a) {
  Gemm g;
  g.m = size(a.sizes.rows), g.n = size(a.sizes.in), g.k = size(a.sizes.out);
  g.a = a.dz, g.lda = size(a.ld_dz);
  g.b = a.weight;
  g.b_transposed = a.sizes.layout == WeightLayout::in_out;
  g.ldb = size(g.b_transposed ? a.sizes.out : a.sizes.in);
  g.c = a.dx, g.ldc = size(a.sizes.in);
  gemm(g);
}

void linear_grad_weight(Cpu, const LinearGradWeight<float, float>& a) {
  Gemm g;
  g.k = size(a.sizes.rows);
  g.a_transposed = true;
  if (a.sizes.layout == WeightLayout::out_in) {
    g.m = size(a.sizes.out), g.n = size(a.sizes.in);
    g.a = a.dz, g.lda = size(a.ld_dz);
    g.b = a.x, g.ldb = size(a.ld_x);
  } else {
    g.m = size(a.sizes.in), g.n = size(a.sizes.out);
    g.a = a.x, g.lda = size(a.ld_x);
    g.b = a.dz, g.ldb = size(a.ld_dz);
  }
  g.c = a.dweight, g.ldc = g.n;
  gemm(g);
}

void column_sums(Cpu, const ColumnSums<float, float>& a) {
  const Kernels& k = kernels();
  const size_t columns = size(a.columns);
  const int64_t each = column_sum_rows(a.rows), blocks = column_sum_blocks(a.rows);
  parallel_for(size(blocks), [&](size_t block, Worker& worker) {
    const int64_t begin = static_cast<int64_t>(block) * each;
    const int64_t end = std::min(begin + each, a.rows);
    float* sum = worker.floats(columns, 0);
    double* total = static_cast<double*>(worker.scratch(columns * sizeof(double), 1));
    std::fill(total, total + columns, 0.0);
    for (int64_t group = begin; group < end; group += group_rows) {
      k.fill(sum, 0.0f, columns);
      const int64_t last = std::min(group + group_rows, end);
      for (int64_t row = group; row < last; row++) k.axpy(sum, 1.0f, a.x + row * a.ld_x, columns);
      for (size_t i = 0; i < columns; i++) total[i] += sum[i];
    }
    std::copy(total, total + columns, a.partial + static_cast<int64_t>(block) * a.columns);
  });
  constexpr size_t grain = 4096;  // columns: adding the blocks is quick
  parallel_ranges(columns, grain, [&](size_t begin, size_t end, Worker& worker) {
    double* total = static_cast<double*>(worker.scratch((end - begin) * sizeof(double)));
    std::fill(total, total + (end - begin), 0.0);
    for (int64_t block = 0; block < blocks; block++) {
      const float* partial = a.partial + block * a.columns + begin;
      for (size_t i = 0; i < end - begin; i++) total[i] += partial[i];
    }
    std::copy(total, total + (end - begin), a.y + begin);
  });
}

}  // namespace athanor
