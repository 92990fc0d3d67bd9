// Arithmetic, dropout, optimiser steps and bfloat16 against plain loops, for every length up to a few
// vectors.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/random.h"
#include "cpu/check.h"
#include "cpu/kernels.h"

namespace athanor {
namespace detail {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float guard = 12345.0f;
constexpr size_t longest = 150;

std::vector<float> row(uint64_t seed, size_t n = longest) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; i++) x[i] = static_cast<float>(philox_word(seed, 2, i)) / 1073741824.0f - 2.0f;
  return x;
}

double apply(Arithmetic op, double a, double b) {
  switch (op) {
    case Arithmetic::add: return a + b;
    case Arithmetic::subtract: return a - b;
    case Arithmetic::multiply: return a * b;
    case Arithmetic::divide: return a / b;
  }
  return 0;
}

// `run` writes n elements; `expected` gives element i. A guard value follows the end.
template <class Run, class Expected>
void check_map(const char* name, size_t n, double bound, const Run& run, const Expected& expected,
               Failures& failures) {
  std::vector<float> y(n + 1, nan);
  y[n] = guard;
  run(y.data());
  bool good = y[n] == guard;
  for (size_t i = 0; i < n && good; i++) {
    double value = expected(i);
    good = std::fabs(y[i] - value) <= bound * std::fmax(1.0, std::fabs(value));
  }
  if (!good) failures.push_back(std::string(name) + ": wrong for length " + std::to_string(n));
}

void check_arithmetic(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> a = row(1), b = row(2), start = row(3);
  for (int32_t i = 0; i < 4; i++) {
    Arithmetic op = static_cast<Arithmetic>(i);
    check_map(
        "arithmetic", n, 6e-8, [&](float* y) { kernels.arithmetic(op, y, a.data(), b.data(), n); },
        [&](size_t j) { return apply(op, a[j], b[j]); }, failures);
    check_map(
        "arithmetic_scalar", n, 6e-8, [&](float* y) { kernels.arithmetic_scalar(op, y, a.data(), 0.7f, n); },
        [&](size_t j) { return apply(op, a[j], 0.7f); }, failures);
    check_map(
        "scalar_arithmetic", n, 6e-8, [&](float* y) { kernels.scalar_arithmetic(op, y, 0.7f, b.data(), n); },
        [&](size_t j) { return apply(op, 0.7f, b[j]); }, failures);
  }
  auto started = [&](float* y) { std::memcpy(y, start.data(), n * sizeof(float)); };
  check_map(
      "fill", n, 0, [&](float* y) { kernels.fill(y, 3.5f, n); }, [](size_t) { return 3.5; }, failures);
  check_map(
      "scale", n, 6e-8, [&](float* y) { kernels.scale(y, 0.3f, a.data(), n); },
      [&](size_t j) { return 0.3f * static_cast<double>(a[j]); }, failures);
  check_map(
      "axpy", n, 2e-7,
      [&](float* y) {
        started(y);
        kernels.axpy(y, 0.3f, a.data(), n);
      },
      [&](size_t j) { return start[j] + 0.3f * static_cast<double>(a[j]); }, failures);
  check_map(
      "add_product", n, 4e-7,
      [&](float* y) {
        started(y);
        kernels.add_product(y, a.data(), b.data(), n);
      },
      [&](size_t j) { return start[j] + static_cast<double>(a[j]) * b[j]; }, failures);
}

// Positions beyond 2^34 reach the second word of the counter.
void check_dropout(const Kernels& kernels, size_t n, Failures& failures) {
  const uint64_t seed = 0x123456789abcdef0u, call = 0x500000003u;
  std::vector<float> x = row(4);
  for (float p : {0.0f, 0.1f, 0.5f, 0.999f, 1.0f}) {
    for (uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{6}, uint64_t{15}, (uint64_t{1} << 34) - 21}) {
      check_map(
          "dropout", n, 1.3e-7, [&](float* y) { kernels.dropout(y, x.data(), n, p, seed, call, first); },
          [&](size_t i) {
            bool kept = p < 1.0f && philox_word(seed, call, first + i) >= dropout_threshold(p);
            return kept ? x[i] / (1.0 - static_cast<double>(p)) : 0.0;
          },
          failures);
    }
  }
}

void check_adamw(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> p = row(5), g = row(6), m = row(7), v = row(8);
  for (float& value : v) value = value * value;
  AdamwStep s{1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.271f, 0.003f, 0.5f, 0.1f, 0.001f};
  std::vector<float> new_m = m, new_v = v;
  std::vector<double> expected_m(n), expected_v(n), expected_p(n);
  double found = 0, expected_squares = 0;
  double* squares = nullptr;
  for (size_t i = 0; i < n; i++) {
    double gradient = static_cast<double>(g[i]) * s.gradient_scale;
    expected_m[i] = s.beta1 * static_cast<double>(m[i]) + static_cast<double>(s.one_minus_beta1) * gradient;
    expected_v[i] = s.beta2 * static_cast<double>(v[i]);
    expected_v[i] += static_cast<double>(s.one_minus_beta2) * gradient * gradient;
    double divisor = std::sqrt(expected_v[i] / s.bias_correction2) + s.eps;
    expected_p[i] = p[i] * (1.0 - static_cast<double>(s.learning_rate) * s.weight_decay) -
                    s.learning_rate / static_cast<double>(s.bias_correction1) * expected_m[i] / divisor;
  }
  auto run = [&](float* y) {
    std::memcpy(y, p.data(), n * sizeof(float));
    new_m = m;
    new_v = v;
    kernels.adamw(y, g.data(), new_m.data(), new_v.data(), n, s, squares);
  };
  for (double* wanted : {static_cast<double*>(nullptr), &found}) {
    squares = wanted;
    check_map(
        "adamw", n, 3e-7, run, [&](size_t i) { return expected_p[i]; }, failures);
  }
  for (size_t i = 0; i < n; i++) expected_squares += static_cast<double>(g[i]) * g[i];
  if (std::fabs(found - expected_squares) > 1e-12 * expected_squares) {
    failures.push_back("adamw: wrong sum of squares for length " + std::to_string(n));
  }
  for (size_t i = 0; i < longest; i++) {
    double error = i < n ? std::fmax(std::fabs(new_m[i] - expected_m[i]), std::fabs(new_v[i] - expected_v[i]))
                         : std::fabs(new_m[i] - m[i]) + std::fabs(new_v[i] - v[i]);
    if (error <= 3e-7 * (i < n ? 3.0 : 0.0)) continue;
    failures.push_back("adamw: moments wrong for length " + std::to_string(n));
    break;
  }
}

void check_sgd(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> p = row(9), g = row(10), buffer = row(11);
  for (int options = 0; options < 8; options++) {
    bool momentum = options & 1, nesterov = options & 2, first = options & 4;
    SgdStep s{0.1f, 0.9f, nesterov ? 0.0f : 0.25f, 0.01f, nesterov, first, 0.5f};
    std::vector<float> velocity = buffer;
    if (first) velocity.assign(longest, nan);
    std::vector<double> expected(n), expected_velocity(n);
    for (size_t i = 0; i < n; i++) {
      double gradient = static_cast<double>(g[i]) * s.gradient_scale;
      gradient += static_cast<double>(s.weight_decay) * p[i];
      double speed = static_cast<double>(s.momentum) * buffer[i] + (1.0 - s.dampening) * gradient;
      if (first) speed = gradient;
      expected_velocity[i] = speed;
      double direction = nesterov ? gradient + s.momentum * speed : speed;
      expected[i] = p[i] - s.learning_rate * (momentum ? direction : gradient);
    }
    auto run = [&](float* y) {
      std::memcpy(y, p.data(), n * sizeof(float));
      kernels.sgd(y, g.data(), momentum ? velocity.data() : nullptr, n, s);
    };
    check_map(
        "sgd", n, 3e-7, run, [&](size_t i) { return expected[i]; }, failures);
    for (size_t i = 0; momentum && i < n; i++) {
      if (std::fabs(velocity[i] - expected_velocity[i]) <= 1e-6) continue;
      failures.push_back("sgd: momentum wrong for length " + std::to_string(n));
      break;
    }
  }
}

void check_state(const char* name, size_t n, const std::vector<float>& found,
                 const std::vector<double>& expected, Failures& failures) {
  for (size_t i = 0; i < n; i++) {
    if (std::fabs(found[i] - expected[i]) <= 1e-6) continue;
    failures.push_back(std::string(name) + " wrong for length " + std::to_string(n));
    return;
  }
}

void check_adagrad(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> p = row(12), g = row(13), sum = row(14), new_sum;
  for (float& value : sum) value = value * value;
  const AdagradStep s{0.1f, 1e-10f, 0.01f, 0.5f};
  std::vector<double> expected(n), expected_sum(n);
  for (size_t i = 0; i < n; i++) {
    const double gradient =
        static_cast<double>(g[i]) * s.gradient_scale + static_cast<double>(s.weight_decay) * p[i];
    expected_sum[i] = sum[i] + gradient * gradient;
    expected[i] = p[i] - s.learning_rate * gradient / (std::sqrt(expected_sum[i]) + s.eps);
  }
  auto run = [&](float* y) {
    std::memcpy(y, p.data(), n * sizeof(float));
    new_sum = sum;
    kernels.adagrad(y, g.data(), new_sum.data(), n, s);
  };
  check_map(
      "adagrad", n, 3e-7, run, [&](size_t i) { return expected[i]; }, failures);
  check_state("adagrad: sum", n, new_sum, expected_sum, failures);
}

void check_rmsprop(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> p = row(15), g = row(16), square = row(17), buffer = row(18), mean = row(19);
  for (size_t i = 0; i < square.size(); i++) square[i] = square[i] * square[i] + mean[i] * mean[i] + 0.1f;
  for (int options = 0; options < 4; options++) {
    const bool momentum = options & 1, centered = options & 2;
    const RmspropStep s{0.01f, 0.9f, 0.1f, 1e-8f, 0.8f, 0.01f, 0.5f};
    std::vector<double> expected(n), expected_square(n), expected_buffer(n), expected_mean(n);
    for (size_t i = 0; i < n; i++) {
      const double gradient =
          static_cast<double>(g[i]) * s.gradient_scale + static_cast<double>(s.weight_decay) * p[i];
      expected_square[i] = static_cast<double>(s.alpha) * square[i];
      expected_square[i] += static_cast<double>(s.one_minus_alpha) * gradient * gradient;
      expected_mean[i] = mean[i] + s.one_minus_alpha * (gradient - mean[i]);
      double spread = expected_square[i] - (centered ? expected_mean[i] * expected_mean[i] : 0.0);
      double direction = gradient / (std::sqrt(spread) + s.eps);
      if (momentum) direction = expected_buffer[i] = static_cast<double>(s.momentum) * buffer[i] + direction;
      expected[i] = p[i] - s.learning_rate * direction;
    }
    std::vector<float> new_square, new_buffer, new_mean;
    auto run = [&](float* y) {
      std::memcpy(y, p.data(), n * sizeof(float));
      new_square = square, new_buffer = buffer, new_mean = mean;
      kernels.rmsprop(y, g.data(), new_square.data(), momentum ? new_buffer.data() : nullptr,
                      centered ? new_mean.data() : nullptr, n, s);
    };
    check_map(
        "rmsprop", n, 3e-7, run, [&](size_t i) { return expected[i]; }, failures);
    check_state("rmsprop: square", n, new_square, expected_square, failures);
    if (momentum) check_state("rmsprop: buffer", n, new_buffer, expected_buffer, failures);
    if (centered) check_state("rmsprop: mean", n, new_mean, expected_mean, failures);
  }
}

uint16_t nearest_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  uint32_t low = bits & 0xffffu, high = bits >> 16;
  if (low > 0x8000u || (low == 0x8000u && (high & 1u) != 0)) high++;
  return static_cast<uint16_t>(high);
}

void check_bf16(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> x(n), back(n + 1, guard);
  std::vector<uint16_t> narrow(n + 1, 77);
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = philox_word(1, 3, i);
    if (i % 5 == 0) bits = (bits & 0xffff0000u) | 0x8000u;                 // halfway
    if (i % 7 == 0) bits = 0x7f800001u | (i % 2 == 0 ? 0u : 0x80000000u);  // NaN with a low payload
    if (i % 11 == 0) bits = 0x7f7fffffu;                                   // rounds to infinity
    std::memcpy(&x[i], &bits, sizeof bits);
  }
  kernels.to_bf16(narrow.data(), x.data(), n);
  bool good = narrow[n] == 77;
  for (size_t i = 0; i < n; i++) good = good && narrow[i] == nearest_bf16(x[i]);
  kernels.from_bf16(back.data(), narrow.data(), n);
  good = good && back[n] == guard;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = static_cast<uint32_t>(narrow[i]) << 16;
    good = good && std::memcmp(&bits, &back[i], sizeof bits) == 0;
  }
  if (!good) failures.push_back("bf16: wrong for length " + std::to_string(n));
}

}  // namespace

void check_streams(const Kernels& kernels, Failures& failures) {
  for (size_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 149}) {
    check_arithmetic(kernels, n, failures);
    check_dropout(kernels, n, failures);
    check_adamw(kernels, n, failures);
    check_sgd(kernels, n, failures);
    check_adagrad(kernels, n, failures);
    check_rmsprop(kernels, n, failures);
    check_bf16(kernels, n, failures);
  }
}

}  // namespace detail
}  // namespace athanor
