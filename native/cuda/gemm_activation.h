// The activations of core/function.h on one fp32 value; NaN stays NaN.
#pragma once

#include <cuda_runtime.h>

#include "core/function.h"

namespace athanor {

__device__ inline float sigmoid_of(float x) {
  return 1.0f / (1.0f + expf(-x));
}

__device__ inline float activate(Function activation, float x) {
  switch (activation) {
    case Function::relu: return x < 0.0f ? 0.0f : x;
    // erfc keeps its relative precision where x is far below 0, 1 + erf would not.
    case Function::gelu: return 0.5f * x * erfcf(-0.707106781f * x);
    case Function::gelu_tanh: return x * sigmoid_of(1.59576912f * x * (1.0f + 0.044715f * x * x));
    case Function::gelu_quick: return x * sigmoid_of(1.702f * x);
    case Function::silu: return x * sigmoid_of(x);
    case Function::tanh: return tanhf(x);
    case Function::sigmoid: return sigmoid_of(x);
    default: return x;
  }
}

}  // namespace athanor
