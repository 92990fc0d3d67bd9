// The element-wise functions and their derivatives against double precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cpu/check.h"
#include "cpu/kernels.h"

namespace athanor {
namespace detail {
namespace {

constexpr double none = std::numeric_limits<double>::infinity();
constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

double phi(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}
double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
double sigmoid_slope(double x) {
  return sigmoid(x) * sigmoid(-x);
}
double inner(double x) {
  return 2.0 * std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
}
double inner_slope(double x) {
  return 2.0 * std::sqrt(2.0 / M_PI) * (1.0 + 3.0 * 0.044715 * x * x);
}

double relu(double x) {
  return x > 0 ? x : 0;
}
double relu_slope(double x) {
  return x > 0 ? 1 : 0;
}
double gelu(double x) {
  return x * phi(x);
}
double gelu_slope(double x) {
  return phi(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
}
double gelu_tanh(double x) {
  return x * sigmoid(inner(x));
}
double gelu_tanh_slope(double x) {
  return sigmoid(inner(x)) + x * sigmoid_slope(inner(x)) * inner_slope(x);
}
double gelu_quick(double x) {
  return x * sigmoid(1.702 * x);
}
double gelu_quick_slope(double x) {
  return sigmoid(1.702 * x) + 1.702 * x * sigmoid_slope(1.702 * x);
}
double silu(double x) {
  return x * sigmoid(x);
}
double silu_slope(double x) {
  return sigmoid(x) + x * sigmoid_slope(x);
}
double tanh_slope(double x) {
  return 1.0 / (std::cosh(x) * std::cosh(x));
}
double plain_tanh(double x) {
  return std::tanh(x);
}
double plain_exp(double x) {
  return std::exp(x);
}
double plain_log(double x) {
  return std::log(x);
}
double log_slope(double x) {
  return 1.0 / x;
}
double plain_sqrt(double x) {
  return std::sqrt(x);
}
double sqrt_slope(double x) {
  return 0.5 / std::sqrt(x);
}

struct Reference {
  const char* name;
  Function function;
  double (*value)(double);
  double (*slope)(double);
  float from, to;
  // Allowed errors: of the value, of the slope; relative to the value, and absolute.
  double relative, absolute, slope_relative, slope_absolute;
};

// The bounds are about a quarter above what was measured (docs/numerics.md).
const Reference references[] = {
    {"relu", Function::relu, relu, relu_slope, -20, 20, 0, 0, 0, 0},
    {"gelu", Function::gelu, gelu, gelu_slope, -20, 20, none, 9.5e-7, none, 2.2e-7},
    {"gelu_tanh", Function::gelu_tanh, gelu_tanh, gelu_tanh_slope, -20, 20, none, 3e-7, none, 2.5e-7},
    {"gelu_quick", Function::gelu_quick, gelu_quick, gelu_quick_slope, -20, 20, none, 6e-7, none, 2.4e-7},
    {"silu", Function::silu, silu, silu_slope, -20, 20, none, 1.2e-6, none, 2.3e-7},
    {"tanh", Function::tanh, plain_tanh, tanh_slope, -20, 20, 7.5e-8, 3.8e-8, 7.5e-8, 3.8e-8},
    {"sigmoid", Function::sigmoid, sigmoid, sigmoid_slope, -80, 80, 2.1e-7, 1.1e-7, 3.3e-7, none},
    {"exp", Function::exp, plain_exp, plain_exp, -87.2f, 88.7f, 6.3e-8, none, 6.3e-8, none},
    {"log", Function::log, plain_log, log_slope, 1e-3f, 30, 9.5e-8, none, 7.5e-8, none},
    {"sqrt", Function::sqrt, plain_sqrt, sqrt_slope, 1e-3f, 30, 6.1e-8, none, 1.1e-7, none},
};

// An even grid and, for the range around 0, points that shrink geometrically on both sides.
std::vector<float> points(const Reference& r) {
  std::vector<float> x;
  const int steps = 40001;
  for (int i = 0; i < steps; i++) x.push_back(r.from + (r.to - r.from) * static_cast<float>(i) / (steps - 1));
  for (float v = r.to; v > 1e-20f; v *= 0.99f) {
    if (v >= r.from) x.push_back(v);
    if (-v >= r.from) x.push_back(-v);
  }
  return x;
}

FunctionError measure(const std::string& name, const std::vector<float>& x, const std::vector<float>& result,
                      double (*reference)(double)) {
  FunctionError e{name, 0, 0, 0, 0, 0};
  double largest = 0, worst_inside = 0;
  for (size_t i = 0; i < x.size(); i++) {
    double expected = reference(x[i]);
    double error = std::fabs(result[i] - expected);
    if (!(error < none)) error = none;  // NaN
    bool normal = std::fabs(expected) > 1.2e-38;
    e.absolute = std::max(e.absolute, error);
    if (normal) e.relative = std::max(e.relative, error / std::fabs(expected));
    if (std::fabs(x[i]) <= 6) {
      largest = std::max(largest, std::fabs(expected));
      worst_inside = std::max(worst_inside, error);
    }
  }
  e.of_largest = worst_inside / largest;
  return e;
}

void check_special(const Kernels& kernels, Function f, const char* name, float x, float expected,
                   Failures& failures) {
  float in[37], out[37];  // whole vectors and a part
  std::fill(in, in + 37, x);
  std::fill(out, out + 37, 7.0f);
  kernels.function(f, out, in, 37);
  for (float y : out) {
    if (y == expected || (std::isnan(y) && std::isnan(expected))) continue;
    failures.push_back(std::string(name) + "(" + std::to_string(x) + ") must be " + std::to_string(expected) +
                       ", got " + std::to_string(y));
    return;
  }
}

void check_specials(const Kernels& kernels, Failures& failures) {
  check_special(kernels, Function::exp, "exp", -inf, 0.0f, failures);
  check_special(kernels, Function::exp, "exp", -1e30f, 0.0f, failures);
  check_special(kernels, Function::exp, "exp", -87.4f, 0.0f, failures);
  check_special(kernels, Function::exp, "exp", 0.0f, 1.0f, failures);
  check_special(kernels, Function::exp, "exp", 88.8f, inf, failures);
  check_special(kernels, Function::exp, "exp", 1e30f, inf, failures);
  check_special(kernels, Function::exp, "exp", inf, inf, failures);
  check_special(kernels, Function::log, "log", 0.0f, -inf, failures);
  check_special(kernels, Function::log, "log", -0.0f, -inf, failures);
  check_special(kernels, Function::log, "log", -1.0f, nan, failures);
  check_special(kernels, Function::log, "log", -inf, nan, failures);
  check_special(kernels, Function::log, "log", inf, inf, failures);
  check_special(kernels, Function::log, "log", 1.0f, 0.0f, failures);
  check_special(kernels, Function::tanh, "tanh", inf, 1.0f, failures);
  check_special(kernels, Function::tanh, "tanh", -inf, -1.0f, failures);
  check_special(kernels, Function::tanh, "tanh", 1e-20f, 1e-20f, failures);
  check_special(kernels, Function::sigmoid, "sigmoid", inf, 1.0f, failures);
  check_special(kernels, Function::sigmoid, "sigmoid", -inf, 0.0f, failures);
  check_special(kernels, Function::sigmoid, "sigmoid", -1000.0f, 0.0f, failures);
  check_special(kernels, Function::sqrt, "sqrt", -1.0f, nan, failures);
  check_special(kernels, Function::gelu, "gelu", 100.0f, 100.0f, failures);
  check_special(kernels, Function::gelu, "gelu", -100.0f, 0.0f, failures);
  check_special(kernels, Function::silu, "silu", 1e30f, 1e30f, failures);
  for (Function f : {Function::gelu_tanh, Function::gelu_quick, Function::silu}) {
    check_special(kernels, f, "an activation", inf, inf, failures);
    check_special(kernels, f, "an activation", -inf, 0.0f, failures);
  }
  check_special(kernels, Function::exp, "exp", 88.7228317f, 3.40279851e38f, failures);
  for (int32_t f = 0; f < function_count; f++) {
    std::string name = "function " + std::to_string(f);
    check_special(kernels, static_cast<Function>(f), name.c_str(), nan, nan, failures);
  }
}

// Every length from 0 up must give what a long run gives, and leave its surroundings alone.
void check_lengths(const Kernels& kernels, Failures& failures) {
  std::vector<float> x(100), whole(100), y(102);
  for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i) * 0.07f + 0.01f;
  for (int32_t f = 0; f < function_count; f++) {
    Function function = static_cast<Function>(f);
    kernels.function(function, whole.data(), x.data(), x.size());
    for (size_t n = 0; n <= 67; n++) {
      std::fill(y.begin(), y.end(), nan);
      y[0] = y[n + 1] = 12345.0f;
      kernels.function(function, y.data() + 1, x.data(), n);
      bool good = y[0] == 12345.0f && y[n + 1] == 12345.0f;
      good = good && std::equal(whole.begin(), whole.begin() + n, y.begin() + 1);
      std::copy(x.begin(), x.begin() + n, y.begin() + 1);
      kernels.function(function, y.data() + 1, y.data() + 1, n);  // in place
      good = good && std::equal(whole.begin(), whole.begin() + n, y.begin() + 1);
      if (good) continue;
      failures.push_back("function " + std::to_string(f) + ": wrong for length " + std::to_string(n));
      break;
    }
  }
}

// A gate times a row must be what the function and its derivative give, for every length.
void check_gated(const Kernels& kernels, Failures& failures) {
  std::vector<float> gate(67), up(67), dy(67), value(67), slope(67), ones(67, 1.0f);
  std::vector<float> y(68), dgate(68), dup(68);
  for (size_t i = 0; i < gate.size(); i++) {
    gate[i] = static_cast<float>(i) * 0.11f - 3.6f;
    up[i] = 1.5f - static_cast<float>(i % 7) * 0.4f;
    dy[i] = static_cast<float>(i % 5) - 1.9f;
  }
  for (int32_t f = 0; f <= static_cast<int32_t>(Function::sigmoid); f++) {
    Function function = static_cast<Function>(f);
    kernels.function(function, value.data(), gate.data(), gate.size());
    kernels.function_backward(function, slope.data(), ones.data(), gate.data(), nullptr, gate.size());
    bool good = true;
    for (size_t n = 0; n <= gate.size(); n++) {
      for (std::vector<float>* row : {&y, &dgate, &dup}) (*row)[n] = 12345.0f;
      kernels.gated(function, y.data(), gate.data(), up.data(), n);
      kernels.gated_backward(function, dgate.data(), dup.data(), dy.data(), gate.data(), up.data(), n);
      for (std::vector<float>* row : {&y, &dgate, &dup}) good = good && (*row)[n] == 12345.0f;
      for (size_t i = 0; i < n; i++) {
        good = good && std::fabs(y[i] - value[i] * up[i]) <= 1e-6f;
        good = good && std::fabs(dgate[i] - dy[i] * up[i] * slope[i]) <= 2e-6f;
        good = good && std::fabs(dup[i] - dy[i] * value[i]) <= 2e-6f;
      }
    }
    if (!good) failures.push_back("gated " + std::to_string(f) + ": not the product with the function");
  }
}

}  // namespace

std::vector<FunctionError> function_errors(const Kernels& kernels) {
  std::vector<FunctionError> errors;
  for (const Reference& r : references) {
    std::vector<float> x = points(r), y(x.size(), nan), ones(x.size(), 1.0f), dx(x.size(), nan);
    kernels.function(r.function, y.data(), x.data(), x.size());
    FunctionError value = measure(r.name, x, y, r.value);
    value.most_relative = r.relative;
    value.most_absolute = r.absolute;
    errors.push_back(value);
    kernels.function_backward(r.function, dx.data(), ones.data(), x.data(), y.data(), x.size());
    FunctionError slope = measure(std::string(r.name) + " backward", x, dx, r.slope);
    slope.most_relative = r.slope_relative;
    slope.most_absolute = r.slope_absolute;
    errors.push_back(slope);
  }
  return errors;
}

void check_functions(const Kernels& kernels, Failures& failures) {
  for (const FunctionError& e : function_errors(kernels)) {
    if (e.absolute <= e.most_absolute && e.relative <= e.most_relative) continue;
    char text[200];
    std::snprintf(text, sizeof text, "%s: error %.3g absolute, %.3g relative; allowed %.3g and %.3g",
                  e.name.c_str(), e.absolute, e.relative, e.most_absolute, e.most_relative);
    failures.push_back(text);
  }
  check_specials(kernels, failures);
  check_lengths(kernels, failures);
  check_gated(kernels, failures);
}

}  // namespace detail
}  // namespace athanor
