// y = f(x) and dx = dy f'(x), over contiguous elements, computed in fp32.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

template <class T>
struct FunctionForward {
  Function function;
  const T* x;  // (n)
  T* y;        // (n)
  int64_t n;
};

template <class T>
struct FunctionBackward {
  Function function;
  const T* dy;  // (n)
  const T* x;   // (n), or null where y is enough
  const T* y;   // (n), or null where x is enough
  T* dx;        // (n)
  int64_t n;
};

void function_forward(Cpu, const FunctionForward<float>& a);
void function_backward(Cpu, const FunctionBackward<float>& a);
template <class T>
void function_forward(Cuda, const FunctionForward<T>& a);
template <class T>
void function_backward(Cuda, const FunctionBackward<T>& a);

}  // namespace athanor
