// What works on rows: sums, maximum, softmax, layer normalisation; against double precision, for lengths 0,
// 1, odd, off the vectors and long.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/random.h"
#include "cpu/check.h"
#include "cpu/kernels.h"

namespace athanor {
namespace detail {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float guard = 12345.0f;
const size_t lengths[] = {0, 1, 2, 3, 7, 15, 16, 17, 33, 64, 100, 257, 768, 5001, 100003};

std::vector<float> row(size_t n, uint64_t seed, float low = -2.0f, float high = 2.0f) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; i++) {
    x[i] = low + (high - low) * static_cast<float>(philox_word(seed, 1, i)) / 4294967296.0f;
  }
  return x;
}

// A row to be written: NaN, with a guard value behind the end.
std::vector<float> output(size_t n) {
  std::vector<float> y(n + 1, nan);
  y[n] = guard;
  return y;
}

struct Check {
  const char* name;
  size_t n;
  Failures& failures;

  void near(double result, double expected, double bound) const {
    if (std::fabs(result - expected) <= bound) return;
    char text[200];
    std::snprintf(text, sizeof text, "%s of %zu: expected %.9g, got %.9g, allowed %.3g", name, n, expected,
                  result, bound);
    failures.push_back(text);
  }

  void row(const std::vector<float>& result, const std::vector<double>& expected, double bound) const {
    if (result[n] != guard) failures.push_back(std::string(name) + ": wrote beyond the end");
    for (size_t i = 0; i < n; i++) {
      if (std::fabs(result[i] - expected[i]) <= bound) continue;
      near(result[i], expected[i], bound);
      return;
    }
  }
};

void check_sums(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> a = row(n, 1), b = row(n, 2);
  double sum = 0, size = 0, dot = 0, dot_size = 0, squares = 0;
  float maximum = -inf;
  for (size_t i = 0; i < n; i++) {
    sum += a[i];
    size += std::fabs(a[i]);
    dot += static_cast<double>(a[i]) * b[i];
    dot_size += std::fabs(static_cast<double>(a[i]) * b[i]);
    squares += static_cast<double>(a[i]) * a[i];
    maximum = std::max(maximum, a[i]);
  }
  Check{"sum", n, failures}.near(kernels.sum(a.data(), n), sum, 3e-7 * size);
  Check{"dot", n, failures}.near(kernels.dot(a.data(), b.data(), n), dot, 3e-7 * dot_size);
  Check{"sum_squares", n, failures}.near(kernels.sum_squares(a.data(), n), squares, 1e-12 * squares);
  if (kernels.maximum(a.data(), n) != maximum) failures.push_back("maximum of " + std::to_string(n));
  for (size_t i : {size_t{0}, n / 2, n - 1}) {
    if (n == 0) break;
    std::vector<float> with_nan = a;
    with_nan[i] = nan;
    if (!std::isnan(kernels.maximum(with_nan.data(), n))) failures.push_back("maximum: lost a NaN");
  }
}

// Rows in step must give what each gives alone, in place too, and a NaN stays in its row.
void check_softmax_rows(const Kernels& kernels, size_t n, Failures& failures) {
  if (n == 0) return;
  constexpr size_t rows = 7;
  std::vector<float> x = row(rows * n, 9, -20.0f, 5.0f), y = output(rows * n), alone = output(n);
  if (n > 2) x[2 * n + n / 2] = -inf;
  x[4 * n + n - 1] = nan;
  kernels.softmax(y.data(), x.data(), rows, n);
  for (size_t r = 0; r < rows; r++) {
    const float *from = x.data() + r * n, *to = y.data() + r * n;
    kernels.softmax(alone.data(), from, 1, n);
    const bool spoilt = r == 4;
    double sum = 0, largest = *std::max_element(from, from + n);
    std::vector<double> expected(n);
    for (size_t i = 0; i < n; i++) sum += expected[i] = std::exp(static_cast<double>(from[i]) - largest);
    for (size_t i = 0; i < n; i++) {
      const bool same = spoilt ? std::isnan(to[i]) && std::isnan(alone[i]) : to[i] == alone[i];
      if (!same) failures.push_back("softmax: row " + std::to_string(r) + " of " + std::to_string(n));
      if (!same) break;
      expected[i] /= sum;
    }
    if (!spoilt) Check{"softmax", n, failures}.row(alone, expected, 2.2e-7);
  }
  kernels.softmax(x.data(), x.data(), rows, n);
  for (size_t i = 0; i < rows * n; i++) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    failures.push_back("softmax: in place differs for " + std::to_string(n));
    break;
  }
}

void check_softmax(const Kernels& kernels, size_t n, Failures& failures) {
  std::vector<float> x = row(n, 3, -20.0f, 5.0f), dy = row(n, 4), y = output(n), dx = output(n);
  if (n > 2) x[n / 2] = -inf;
  std::vector<double> expected(n), gradient(n), log_gradient(n);
  double sum = 0, total = 0, inner = 0;
  for (size_t i = 0; i < n; i++) sum += expected[i] = std::exp(static_cast<double>(x[i] - 5.0f));
  float result = kernels.exp_sum(y.data(), x.data(), 5.0f, n);
  Check{"exp_sum", n, failures}.near(result, sum, 3e-7 * sum);
  Check{"exp_sum row", n, failures}.row(y, expected, 2e-7);
  if (kernels.exp_sum(nullptr, x.data(), 5.0f, n) != result) {
    failures.push_back("exp_sum: null y changes the sum");
  }
  if (n == 0) return;
  std::vector<float> probability(n), logarithm(n);
  for (size_t i = 0; i < n; i++) {
    probability[i] = static_cast<float>(expected[i] / sum);
    logarithm[i] = static_cast<float>(std::log(std::max(expected[i] / sum, 1e-30)));
    inner += static_cast<double>(dy[i]) * probability[i];
    total += dy[i];
  }
  for (size_t i = 0; i < n; i++) {
    gradient[i] = probability[i] * (dy[i] - inner);
    log_gradient[i] = dy[i] - std::exp(static_cast<double>(logarithm[i])) * total;
  }
  kernels.softmax_backward(dx.data(), dy.data(), probability.data(), n);
  Check{"softmax_backward", n, failures}.row(dx, gradient, 6e-7);
  dx = output(n);
  kernels.log_softmax_backward(dx.data(), dy.data(), logarithm.data(), n);
  Check{"log_softmax_backward", n, failures}.row(dx, log_gradient, 1e-6 + 4e-7 * std::fabs(total));
}

struct Normal {
  double mean = 0, rstd = 0;
  Normal(const std::vector<float>& s, float eps) {
    double squares = 0;
    for (float v : s) mean += v;
    mean /= static_cast<double>(s.size());
    for (float v : s) squares += (v - mean) * (v - mean);
    rstd = 1.0 / std::sqrt(squares / static_cast<double>(s.size()) + eps);
  }
};

void check_layer_norm(const Kernels& kernels, size_t n, bool with_residual, bool with_sum, bool with_bias,
                      Failures& failures) {
  std::vector<float> x = row(n, 5, -1.0f, 5.0f), residual = row(n, 6), weight = row(n, 7), bias = row(n, 8);
  std::vector<float> s = x, y = output(n), sum = output(n);
  if (with_residual) {
    for (size_t i = 0; i < n; i++) s[i] += residual[i];
  }
  float mean = nan, rstd = nan, eps = 1e-5f;
  kernels.layer_norm(y.data(), with_sum ? sum.data() : nullptr, x.data(),
                     with_residual ? residual.data() : nullptr, weight.data(),
                     with_bias ? bias.data() : nullptr, n, eps, &mean, &rstd);
  Normal normal(s, eps);
  std::vector<double> expected(n), sums(s.begin(), s.end());
  for (size_t i = 0; i < n; i++) {
    expected[i] = (s[i] - normal.mean) * normal.rstd * weight[i] + (with_bias ? bias[i] : 0.0f);
  }
  // A row of one element has no spread: eps alone divides, and rounding of the mean counts 300 times.
  Check{"layer_norm", n, failures}.row(y, expected, n == 1 ? 1e-3 : 4e-6);
  Check{"layer_norm mean", n, failures}.near(mean, normal.mean, 1e-6);
  Check{"layer_norm rstd", n, failures}.near(rstd, normal.rstd, 1e-6 * normal.rstd);
  if (with_sum) Check{"layer_norm sum", n, failures}.row(sum, sums, 0);
}

void check_layer_norm_backward(const Kernels& kernels, size_t n, bool with_parameters, Failures& failures) {
  std::vector<float> s = row(n, 9), dy = row(n, 10), weight = row(n, 11), dx = output(n);
  std::vector<float> dweight = row(n, 12), dbias = row(n, 13), dweight_start = dweight, dbias_start = dbias;
  dweight.push_back(guard);
  dbias.push_back(guard);
  Normal normal(s, 1e-5f);
  float mean = static_cast<float>(normal.mean), rstd = static_cast<float>(normal.rstd);
  kernels.layer_norm_backward(dx.data(), with_parameters ? dweight.data() : nullptr,
                              with_parameters ? dbias.data() : nullptr, dy.data(), s.data(), weight.data(), n,
                              mean, rstd);
  double first = 0, second = 0;
  std::vector<double> expected(n), expected_weight(n), expected_bias(n);
  for (size_t i = 0; i < n; i++) {
    double v = (static_cast<double>(s[i]) - mean) * rstd, d = static_cast<double>(dy[i]) * weight[i];
    first += d / static_cast<double>(n);
    second += d * v / static_cast<double>(n);
    expected_weight[i] = dweight_start[i] + dy[i] * v;
    expected_bias[i] = static_cast<double>(dbias_start[i]) + dy[i];
  }
  for (size_t i = 0; i < n; i++) {
    double v = (static_cast<double>(s[i]) - mean) * rstd;
    expected[i] = (static_cast<double>(dy[i]) * weight[i] - first - v * second) * rstd;
  }
  Check{"layer_norm_backward dx", n, failures}.row(dx, expected, 2e-6 * rstd);
  if (!with_parameters) return;
  Check{"layer_norm_backward dweight", n, failures}.row(dweight, expected_weight, 2e-6);
  Check{"layer_norm_backward dbias", n, failures}.row(dbias, expected_bias, 1e-6);
}

void check_rms_norm(const Kernels& kernels, size_t n, bool with_residual, bool with_sum, Failures& failures) {
  std::vector<float> x = row(n, 5, -1.0f, 5.0f), residual = row(n, 6), weight = row(n, 7);
  std::vector<float> s = x, y = output(n), sum = output(n);
  if (with_residual) {
    for (size_t i = 0; i < n; i++) s[i] += residual[i];
  }
  double squares = 0;
  for (float v : s) squares += static_cast<double>(v) * v;
  const float eps = 1e-5f;
  const double spread = 1.0 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(eps));
  std::vector<double> expected(n), sums(s.begin(), s.end());
  for (size_t i = 0; i < n; i++) expected[i] = s[i] * spread * weight[i];
  float rstd = nan;
  kernels.rms_norm(y.data(), with_sum ? sum.data() : nullptr, x.data(),
                   with_residual ? residual.data() : nullptr, weight.data(), n, eps, &rstd);
  Check{"rms_norm", n, failures}.row(y, expected, 2e-6);
  Check{"rms_norm rstd", n, failures}.near(rstd, spread, 1e-6 * spread);
  if (with_sum) Check{"rms_norm sum", n, failures}.row(sum, sums, 0);
}

void check_rms_norm_backward(const Kernels& kernels, size_t n, bool with_weight, Failures& failures) {
  std::vector<float> s = row(n, 9), dy = row(n, 10), weight = row(n, 11), dx = output(n);
  std::vector<float> dweight = row(n, 12), start = dweight;
  dweight.push_back(guard);
  const float rstd = 0.8f;
  kernels.rms_norm_backward(dx.data(), with_weight ? dweight.data() : nullptr, dy.data(), s.data(),
                            weight.data(), n, rstd);
  const double spread = static_cast<double>(rstd);
  double inner = 0;
  std::vector<double> expected(n), expected_weight(n);
  for (size_t i = 0; i < n; i++) {
    inner += static_cast<double>(dy[i]) * weight[i] * s[i] * spread / static_cast<double>(n);
    expected_weight[i] = start[i] + static_cast<double>(dy[i]) * s[i] * spread;
  }
  for (size_t i = 0; i < n; i++) {
    expected[i] = (static_cast<double>(dy[i]) * weight[i] - s[i] * spread * inner) * spread;
  }
  Check{"rms_norm_backward dx", n, failures}.row(dx, expected, 2e-6);
  if (with_weight) Check{"rms_norm_backward dweight", n, failures}.row(dweight, expected_weight, 2e-6);
}

}  // namespace

void check_rows(const Kernels& kernels, Failures& failures) {
  for (size_t n : lengths) {
    check_sums(kernels, n, failures);
    check_softmax(kernels, n, failures);
    check_softmax_rows(kernels, n, failures);
    if (n == 0) continue;
    for (int options = 0; options < 8; options++) {
      check_layer_norm(kernels, n, options & 1, options & 2, options & 4, failures);
    }
    check_layer_norm_backward(kernels, n, true, failures);
    check_layer_norm_backward(kernels, n, false, failures);
    for (int options = 0; options < 4; options++) {
      check_rms_norm(kernels, n, options & 1, options & 2, failures);
    }
    check_rms_norm_backward(kernels, n, true, failures);
    check_rms_norm_backward(kernels, n, false, failures);
  }
}

}  // namespace detail
}  // namespace athanor
