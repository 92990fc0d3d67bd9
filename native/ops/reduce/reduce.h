// Sums over one dimension or over all, fp32. x is seen as (outer, n, inner); y (outer, inner).
// Forward: y = scale * sum over n of x. Backward: dx = scale * dy, repeated over n.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct SumForward {
  const float* x;  // (outer, n, inner)
  float* y;        // (outer, inner)
  int64_t outer, n, inner;
  double scale;
};

struct SumBackward {
  const float* dy;  // (outer, inner)
  float* dx;        // (outer, n, inner)
  int64_t outer, n, inner;
  float scale;
};

void sum_forward(Cpu, const SumForward& a);
void sum_forward(Cuda, const SumForward& a);
void sum_backward(Cpu, const SumBackward& a);
void sum_backward(Cuda, const SumBackward& a);

}  // namespace athanor
