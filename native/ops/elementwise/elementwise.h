// y = f(x) and dx = dy f'(x), over contiguous fp32 elements.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct FunctionForward {
  Function function;
  const float* x;  // (n)
  float* y;        // (n)
  int64_t n;
};

struct FunctionBackward {
  Function function;
  const float* dy;  // (n)
  const float* x;   // (n), or null where y is enough
  const float* y;   // (n), or null where x is enough
  float* dx;        // (n)
  int64_t n;
};

void function_forward(Cpu, const FunctionForward& a);
void function_forward(Cuda, const FunctionForward& a);
void function_backward(Cpu, const FunctionBackward& a);
void function_backward(Cuda, const FunctionBackward& a);

}  // namespace athanor
