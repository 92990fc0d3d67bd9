// The element-wise functions of core/function.h and their derivatives, on one fp32 value in a register:
// shared by the element-wise kernels and the epilogues of products. The formulas are those of the CPU
// (cpu/isa/functions.cpp), the accurate functions of CUDA do the rest; NaN gives NaN.
#pragma once

#include <cuda_runtime.h>

#include "core/function.h"

namespace athanor {

// f(x) and f'(x).
struct ValueSlope {
  float value, slope;
};

// s = 1 / (1 + exp(-x)), its derivative s (1 - s), and the lesser of s and 1 - s, without cancellation or
// overflow on either side.
struct Sigmoid {
  float value, slope, low;
};

__device__ inline Sigmoid sigmoid(float x) {
  const float e = expf(-fabsf(x));
  const float r = 1.0f / (1.0f + e);
  const float low = e * r;
  return {x < 0.0f ? low : r, low * r, low};
}

// x s, with s the sigmoid of a number of x's sign: max(x, 0) - |x| low, which rounds a large x once. An
// infinite x must not meet a low of 0; NaN comes through the second term.
__device__ inline float times_sigmoid(float x, const Sigmoid& s) {
  constexpr float largest = 3.40282347e38f;
  return fmaxf(-fabsf(x), -largest) * s.low + (x < 0.0f ? 0.0f : x);
}

// The distribution function of the normal law. Absolute precision only on the left, where erfc would keep the
// relative one at more than twice the instructions: a bf16 kernel would then be bound by them, not by memory.
__device__ inline float normal_distribution(float x) {
  return 0.5f + 0.5f * erff(x * 0.707106781f);
}

__device__ inline float normal_density(float x) {
  return expf(-0.5f * (x * x)) * 0.398942280f;
}

// x sigmoid(a x)
__device__ inline ValueSlope swish(float x, float a) {
  const Sigmoid s = sigmoid(x * a);
  return {times_sigmoid(x, s), s.value + x * a * s.slope};
}

// The functions as types, for kernels that are compiled for one of them: value(x), both(x), and
// gradient(dy, x, y) with y = f(x), which reads only one of x and y (`from_result`: y).
struct Identity {
  static constexpr bool from_result = false;
  __device__ static float value(float x) { return x; }
  __device__ static ValueSlope both(float x) { return {x, 1.0f}; }
  __device__ static float gradient(float dy, float, float) { return dy; }
};

// Both comparisons let NaN through; the derivative at 0 is 0.
struct Relu {
  static constexpr bool from_result = false;
  __device__ static float value(float x) { return x < 0.0f ? 0.0f : x; }
  __device__ static ValueSlope both(float x) { return {value(x), x <= 0.0f ? 0.0f : 1.0f}; }
  __device__ static float gradient(float dy, float x, float) { return x <= 0.0f ? 0.0f : dy; }
};

// What all smooth activations share: the gradient is dy f'(x).
template <class Activation>
struct Smooth {
  static constexpr bool from_result = false;
  __device__ static float value(float x) { return Activation::both(x).value; }
  __device__ static float gradient(float dy, float x, float) { return dy * Activation::both(x).slope; }
};

struct Gelu : Smooth<Gelu> {
  __device__ static ValueSlope both(float x) {
    const float p = normal_distribution(x);
    return {x * p, p + x * normal_density(x)};
  }
};

struct GeluTanh : Smooth<GeluTanh> {
  __device__ static ValueSlope both(float x) {
    constexpr float scale = 1.59576912f;  // 2 sqrt(2/pi): 1 + tanh(u) = 2 sigmoid(2u)
    constexpr float cubic = 0.044715f;
    const float square = x * x;
    const Sigmoid s = sigmoid(x * (square * cubic + 1.0f) * scale);
    return {times_sigmoid(x, s), s.value + x * s.slope * ((square * (3.0f * cubic) + 1.0f) * scale)};
  }
};

struct GeluQuick : Smooth<GeluQuick> {
  __device__ static ValueSlope both(float x) { return swish(x, 1.702f); }
};

struct Silu : Smooth<Silu> {
  __device__ static ValueSlope both(float x) { return swish(x, 1.0f); }
};

// 1 - tanh^2 would cancel where tanh is near 1.
struct Tanh : Smooth<Tanh> {
  __device__ static float value(float x) { return tanhf(x); }
  __device__ static ValueSlope both(float x) { return {tanhf(x), 4.0f * sigmoid(2.0f * x).slope}; }
};

struct Logistic : Smooth<Logistic> {
  __device__ static ValueSlope both(float x) {
    const Sigmoid s = sigmoid(x);
    return {s.value, s.slope};
  }
};

struct Exponential {
  static constexpr bool from_result = true;
  __device__ static float value(float x) { return expf(x); }
  __device__ static float gradient(float dy, float, float y) { return dy * y; }
};

struct Logarithm {
  static constexpr bool from_result = false;
  __device__ static float value(float x) { return logf(x); }
  __device__ static float gradient(float dy, float x, float) { return dy / x; }
};

struct SquareRoot {
  static constexpr bool from_result = true;
  __device__ static float value(float x) { return sqrtf(x); }
  __device__ static float gradient(float dy, float, float y) { return 0.5f * dy / y; }
};

// Host side: calls body with the activation as a type. The functions from exp on are no activations.
template <class Body>
void with_activation(Function f, const Body& body) {
  switch (f) {
    case Function::relu: return body(Relu{});
    case Function::gelu: return body(Gelu{});
    case Function::gelu_tanh: return body(GeluTanh{});
    case Function::gelu_quick: return body(GeluQuick{});
    case Function::silu: return body(Silu{});
    case Function::tanh: return body(Tanh{});
    case Function::sigmoid: return body(Logistic{});
    default: return body(Identity{});
  }
}

// The same with every function of core/function.h.
template <class Body>
void with_function(Function f, const Body& body) {
  switch (f) {
    case Function::exp: return body(Exponential{});
    case Function::log: return body(Logarithm{});
    case Function::sqrt: return body(SquareRoot{});
    default: return with_activation(f, body);
  }
}

// For code that is too large to be compiled once per activation: the choice is the same for a whole launch.
__device__ inline float activate(Function f, float x) {
  switch (f) {
    case Function::relu: return Relu::value(x);
    case Function::gelu: return Gelu::value(x);
    case Function::gelu_tanh: return GeluTanh::value(x);
    case Function::gelu_quick: return GeluQuick::value(x);
    case Function::silu: return Silu::value(x);
    case Function::tanh: return Tanh::value(x);
    case Function::sigmoid: return Logistic::value(x);
    default: return x;
  }
}

__device__ inline ValueSlope activate_with_slope(Function f, float x) {
  switch (f) {
    case Function::relu: return Relu::both(x);
    case Function::gelu: return Gelu::both(x);
    case Function::gelu_tanh: return GeluTanh::both(x);
    case Function::gelu_quick: return GeluQuick::both(x);
    case Function::silu: return Silu::both(x);
    case Function::tanh: return Tanh::both(x);
    case Function::sigmoid: return Logistic::both(x);
    default: return {x, 1.0f};
  }
}

}  // namespace athanor
