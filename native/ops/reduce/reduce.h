// Sums over one dimension or over all, added in fp32 and double. x is seen as (outer, n, inner); y (outer,
// inner). Forward: y = scale * sum over n of x. Backward: dx = scale * dy, repeated over n.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

template <class T>
struct SumForward {
  const T* x;  // (outer, n, inner)
  T* y;        // (outer, inner)
  int64_t outer, n, inner;
  double scale;
};

template <class T>
struct SumBackward {
  const T* dy;  // (outer, inner)
  T* dx;        // (outer, n, inner)
  int64_t outer, n, inner;
  float scale;
};

void sum_forward(Cpu, const SumForward<float>& a);
void sum_backward(Cpu, const SumBackward<float>& a);
template <class T>
void sum_forward(Cuda, const SumForward<T>& a);
template <class T>
void sum_backward(Cuda, const SumBackward<T>& a);

}  // namespace athanor
