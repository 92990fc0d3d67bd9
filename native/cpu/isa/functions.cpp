// The element-wise functions and their derivatives.
#include "cpu/isa/isa.h"
#include "cpu/isa/math.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr float tanh_scale = 1.59576912f;  // 2 sqrt(2/pi): 1 + tanh(u) = 2 sigmoid(2u)
constexpr float tanh_cubic = 0.044715f;

ATHANOR_INLINE vf gelu_tanh(vf x) {
  return x * sigmoid(x * (x * x * tanh_cubic + 1.0f) * tanh_scale).value;
}

ATHANOR_INLINE vf gelu_tanh_slope(vf x) {
  vf square = x * x;
  Sigmoid s = sigmoid(x * (square * tanh_cubic + 1.0f) * tanh_scale);
  return s.value + x * s.slope * ((square * (3.0f * tanh_cubic) + 1.0f) * tanh_scale);
}

// d/dx x sigmoid(a x).
ATHANOR_INLINE vf swish_slope(vf x, float a) {
  Sigmoid s = sigmoid(x * a);
  return s.value + x * a * s.slope;
}

ATHANOR_INLINE vf tanh_slope(vf x) {
  return 4.0f * sigmoid(2.0f * x).slope;
}

}  // namespace

void function(Function f, float* y, const float* x, size_t n) {
  switch (f) {
    case Function::identity:
      if (y != x) memcpy(y, x, n * sizeof(float));
      return;
    case Function::relu: return map(y, x, n, [](vf v) { return at_least(v, 0.0f); });
    case Function::gelu: return map(y, x, n, [](vf v) { return v * normal_distribution(v); });
    case Function::gelu_tanh: return map(y, x, n, gelu_tanh);
    case Function::gelu_quick: return map(y, x, n, [](vf v) { return v * sigmoid(v * 1.702f).value; });
    case Function::silu: return map(y, x, n, [](vf v) { return v * sigmoid(v).value; });
    case Function::tanh: return map(y, x, n, hyperbolic_tangent);
    case Function::sigmoid: return map(y, x, n, [](vf v) { return sigmoid(v).value; });
    case Function::exp: return map(y, x, n, exponential);
    case Function::log: return map(y, x, n, logarithm);
    case Function::sqrt: return map(y, x, n, square_root);
  }
}

void function_backward(Function f, float* dx, const float* dy, const float* x, const float* y, size_t n) {
  switch (f) {
    case Function::identity:
      if (dx != dy) memcpy(dx, dy, n * sizeof(float));
      return;
    case Function::relu: return map(dx, dy, x, n, [](vf d, vf v) { return select(v <= 0.0f, vf{}, d); });
    case Function::gelu:
      return map(dx, dy, x, n,
                 [](vf d, vf v) { return d * (normal_distribution(v) + v * normal_density(v)); });
    case Function::gelu_tanh: return map(dx, dy, x, n, [](vf d, vf v) { return d * gelu_tanh_slope(v); });
    case Function::gelu_quick:
      return map(dx, dy, x, n, [](vf d, vf v) { return d * swish_slope(v, 1.702f); });
    case Function::silu: return map(dx, dy, x, n, [](vf d, vf v) { return d * swish_slope(v, 1.0f); });
    case Function::tanh: return map(dx, dy, x, n, [](vf d, vf v) { return d * tanh_slope(v); });
    case Function::sigmoid: return map(dx, dy, x, n, [](vf d, vf v) { return d * sigmoid(v).slope; });
    case Function::exp: return map(dx, dy, y, n, [](vf d, vf v) { return d * v; });
    case Function::log: return map(dx, dy, x, n, [](vf d, vf v) { return d / v; });
    case Function::sqrt: return map(dx, dy, y, n, [](vf d, vf v) { return 0.5f * d / v; });
  }
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
