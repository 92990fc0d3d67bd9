// The element-wise functions and their derivatives, and the activations that gate another row.
#include "cpu/isa/isa.h"
#include "cpu/isa/math.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr float tanh_scale = 1.59576912f;  // 2 sqrt(2/pi): 1 + tanh(u) = 2 sigmoid(2u)
constexpr float tanh_cubic = 0.044715f;

// f(x) and f'(x).
struct Both {
  vf value, slope;
};

// Each activation gives value(x), slope(x), and both(x) where a gradient needs the two.
struct Identity {
  static ATHANOR_INLINE vf value(vf x) { return x; }
  static ATHANOR_INLINE Both both(vf x) { return {x, splat(1.0f)}; }
  static ATHANOR_INLINE vf scaled(vf d, vf) { return d; }
};

struct Relu {
  static ATHANOR_INLINE vf value(vf x) { return at_least(x, 0.0f); }
  static ATHANOR_INLINE Both both(vf x) { return {value(x), scaled(splat(1.0f), x)}; }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return select(x <= 0.0f, vf{}, d); }
};

struct Gelu {
  static ATHANOR_INLINE vf value(vf x) { return x * normal_distribution(x); }
  static ATHANOR_INLINE Both both(vf x) {
    vf p = normal_distribution(x);
    return {x * p, p + x * normal_density(x)};
  }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * both(x).slope; }
};

struct GeluTanh {
  static ATHANOR_INLINE vf value(vf x) { return times_sigmoid(x, sigmoid(inner(x, x * x))); }
  static ATHANOR_INLINE Both both(vf x) {
    vf square = x * x;
    Sigmoid s = sigmoid(inner(x, square));
    return {times_sigmoid(x, s),
            s.value + x * s.slope * ((square * (3.0f * tanh_cubic) + 1.0f) * tanh_scale)};
  }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * both(x).slope; }
  static ATHANOR_INLINE vf inner(vf x, vf square) { return x * (square * tanh_cubic + 1.0f) * tanh_scale; }
};

// x sigmoid(a x)
ATHANOR_INLINE Both swish(vf x, float a) {
  Sigmoid s = sigmoid(x * a);
  return {times_sigmoid(x, s), s.value + x * a * s.slope};
}

struct GeluQuick {
  static ATHANOR_INLINE vf value(vf x) { return swish(x, 1.702f).value; }
  static ATHANOR_INLINE Both both(vf x) { return swish(x, 1.702f); }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * both(x).slope; }
};

struct Silu {
  static ATHANOR_INLINE vf value(vf x) { return swish(x, 1.0f).value; }
  static ATHANOR_INLINE Both both(vf x) { return swish(x, 1.0f); }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * both(x).slope; }
};

struct Tanh {
  static ATHANOR_INLINE vf value(vf x) { return hyperbolic_tangent(x); }
  static ATHANOR_INLINE Both both(vf x) { return {value(x), hyperbolic_tangent_slope(x)}; }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * hyperbolic_tangent_slope(x); }
};

struct Logistic {
  static ATHANOR_INLINE vf value(vf x) { return sigmoid(x).value; }
  static ATHANOR_INLINE Both both(vf x) {
    Sigmoid s = sigmoid(x);
    return {s.value, s.slope};
  }
  static ATHANOR_INLINE vf scaled(vf d, vf x) { return d * both(x).slope; }
};

// Calls body with the activation as a type; false for a function that is none.
template <class Body>
ATHANOR_INLINE bool with_activation(Function f, const Body& body) {
  switch (f) {
    case Function::identity: return body(Identity{}), true;
    case Function::relu: return body(Relu{}), true;
    case Function::gelu: return body(Gelu{}), true;
    case Function::gelu_tanh: return body(GeluTanh{}), true;
    case Function::gelu_quick: return body(GeluQuick{}), true;
    case Function::silu: return body(Silu{}), true;
    case Function::tanh: return body(Tanh{}), true;
    case Function::sigmoid: return body(Logistic{}), true;
    case Function::exp:
    case Function::log:
    case Function::sqrt: return false;
  }
  return false;
}

}  // namespace

void function(Function f, float* y, const float* x, size_t n) {
  if (f == Function::identity) {
    if (y != x) memcpy(y, x, n * sizeof(float));
    return;
  }
  bool done = with_activation(f, [&](auto a) { map(y, x, n, [=](vf v) { return a.value(v); }); });
  if (done) return;
  if (f == Function::exp) return map(y, x, n, precise_exponential);
  if (f == Function::log) return map(y, x, n, logarithm);
  map(y, x, n, square_root);
}

void function_backward(Function f, float* dx, const float* dy, const float* x, const float* y, size_t n) {
  if (f == Function::identity) {
    if (dx != dy) memcpy(dx, dy, n * sizeof(float));
    return;
  }
  bool done =
      with_activation(f, [&](auto a) { map(dx, dy, x, n, [=](vf d, vf v) { return a.scaled(d, v); }); });
  if (done) return;
  if (f == Function::exp) return map(dx, dy, y, n, [](vf d, vf v) { return d * v; });
  if (f == Function::log) return map(dx, dy, x, n, [](vf d, vf v) { return d / v; });
  map(dx, dy, y, n, [](vf d, vf v) { return 0.5f * d / v; });
}

void gated(Function f, float* y, const float* gate, const float* up, size_t n) {
  with_activation(f, [&](auto a) { map(y, gate, up, n, [=](vf g, vf u) { return a.value(g) * u; }); });
}

void gated_backward(Function f, float* dgate, float* dup, const float* dy, const float* gate, const float* up,
                    size_t n) {
  with_activation(f, [&](auto a) {
    for_vectors(
        n,
        [&](size_t i) {
          vf d = load(dy + i), u = load(up + i);
          Both both = a.both(load(gate + i));
          store(dgate + i, d * u * both.slope);
          store(dup + i, d * both.value);
        },
        [&](size_t i, size_t lanes) {
          vf d = load_part(dy + i, lanes), u = load_part(up + i, lanes);
          Both both = a.both(load_part(gate + i, lanes));
          store_part(dgate + i, d * u * both.slope, lanes);
          store_part(dup + i, d * both.value, lanes);
        });
  });
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
