// A matrix product of small integers, which every kernel must make exactly, and the loop that says what is
// right. Factors and results may have rows longer than the matrix; what lies between is NaN (or 127) and must
// neither be read into a sum nor written.
#pragma once

#include <array>
#include <cmath>

#include "cuda/check/kernel_check.h"
#include "cuda/gemm.h"
#include "cuda/gemm_plan.h"

namespace athanor {

// Of a matrix in memory: `rows` rows, `ld` apart, the last no longer than the matrix is wide.
struct Layout {
  int64_t rows, columns, ld, batch, stride;

  Layout(int64_t rows, int64_t columns, int64_t padding, int64_t batch = 1)
      : rows(rows),
        columns(columns),
        ld(columns + padding),
        batch(batch),
        stride(rows * ld + (padding % 2 == 0 ? 4 * padding : padding)) {}

  size_t size() const {
    if (rows * columns * batch == 0) return 0;
    return static_cast<size_t>((batch - 1) * stride + (rows - 1) * ld + columns);
  }
  size_t at(int64_t matrix, int64_t row, int64_t column) const {
    return static_cast<size_t>(matrix * stride + row * ld + column);
  }
  // Small integers where elements are, `between` elsewhere.
  std::vector<float> values(CheckRandom& random, int32_t most, float between) const {
    std::vector<float> result(size(), between);
    each([&](int64_t b, int64_t r, int64_t c) {
      result[at(b, r, c)] = static_cast<float>(random.integer(-most, most));
    });
    return result;
  }
  template <class F>
  void each(const F& f) const {
    for (int64_t b = 0; b < batch; b++) {
      for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < columns; c++) f(b, r, c);
      }
    }
  }
};

struct GemmCase {
  int64_t m, n, k;
  bool a_transposed = false, b_transposed = true;
  int64_t batch = 1;
  int64_t padding = 0;  // of rows of everything
  size_t offset = 0;    // elements before everything
  bool bias = false, residual = false, pre_activation = false, accumulate = false;
  Function activation = Function::identity;
  size_t bias_offset = 0, residual_offset = 0;  // more elements before these two alone
};

inline std::string describe(const GemmCase& c) {
  return std::to_string(c.batch) + " x (" + std::to_string(c.m) + ", " + std::to_string(c.n) + ", " +
         std::to_string(c.k) + ")" + (c.a_transposed ? " A^T" : "") + (c.b_transposed ? " B^T" : "") +
         (c.padding ? " padded" : "") + (c.offset ? " unaligned" : "");
}

inline double activated(Function f, double x) {
  switch (f) {
    case Function::relu: return x < 0 ? 0 : x;
    case Function::gelu: return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Function::gelu_tanh: {
      return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979324) * (x + 0.044715 * x * x * x)));
    }
    case Function::silu: return x / (1 + std::exp(-x));
    case Function::tanh: return std::tanh(x);
    default: return x;
  }
}

// Half a unit in the last place of Y, and what fp32 activations cost.
template <class Y>
Tolerance rounding(Function activation) {
  const double fp32 = activation == Function::identity || activation == Function::relu ? 0 : 2e-6;
  return {fp32, fp32 + (sizeof(Y) == 2 ? 0x1p-8 : 0)};
}

// Makes the product with `run(problem)` and compares.
template <class A, class B, class Y, class Run>
void check_product(KernelCheck& check, const GemmCase& c, const Run& run) {
  const float between = NAN;
  const Layout a =
      c.a_transposed ? Layout(c.k, c.m, c.padding, c.batch) : Layout(c.m, c.k, c.padding, c.batch);
  const Layout b =
      c.b_transposed ? Layout(c.n, c.k, c.padding, c.batch) : Layout(c.k, c.n, c.padding, c.batch);
  const Layout y(c.m, c.n, c.padding, c.batch), vector(1, c.n, 0), added(c.m, c.n, c.padding + 4);
  const std::vector<float> av = a.values(check.random, 3, between), bv = b.values(check.random, 3, between);
  const std::vector<float> bias = vector.values(check.random, 9, 0),
                           residual = added.values(check.random, 9, between);
  std::vector<float> before(y.size(), NAN);
  if (c.accumulate) before = y.values(check.random, 9, NAN);
  const DeviceArray<A> device_a(av, c.offset);
  const DeviceArray<B> device_b(bv, c.offset);
  const DeviceArray<Y> device_y(before, c.offset), device_bias(bias, c.offset + c.bias_offset),
      z(y.size(), c.offset);
  const DeviceArray<Y> device_residual(residual, c.offset + c.residual_offset);

  GemmOutput<Y> out{device_y.data(), y.ld, y.stride, c.accumulate};
  out.bias = c.bias ? device_bias.data() : nullptr;
  out.activation = c.activation;
  out.pre_activation = c.pre_activation ? z.data() : nullptr;
  out.residual = c.residual ? device_residual.data() : nullptr;
  out.ld_residual = added.ld;
  run(DeviceGemm<A, B, Y>{c.batch,
                          c.m,
                          c.n,
                          c.k,
                          {device_a.data(), a.ld, c.a_transposed, a.stride},
                          {device_b.data(), b.ld, c.b_transposed, b.stride},
                          out});

  std::vector<float> wanted(before), wanted_z(y.size(), NAN);
  y.each([&](int64_t batch, int64_t r, int64_t col) {
    double sum = 0;
    for (int64_t i = 0; i < c.k; i++) {
      sum += double{av[c.a_transposed ? a.at(batch, i, r) : a.at(batch, r, i)]} *
             bv[c.b_transposed ? b.at(batch, col, i) : b.at(batch, i, col)];
    }
    const size_t at = y.at(batch, r, col);
    if (c.accumulate) sum += before[at];
    if (c.bias) sum += bias[static_cast<size_t>(col)];
    if (c.pre_activation) wanted_z[at] = static_cast<float>(sum);
    sum = activated(c.activation, sum);
    if (c.residual) sum += residual[added.at(batch, r, col)];
    wanted[at] = static_cast<float>(sum);
  });
  check.close(describe(c) + ": y", device_y.floats(), rounded_to<Y>(wanted), rounding<Y>(c.activation));
  if (c.pre_activation) check.close(describe(c) + ": z", z.floats(), rounded_to<Y>(wanted_z), {});
}

}  // namespace athanor
