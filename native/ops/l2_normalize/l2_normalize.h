// y = x / max(|x|, eps) per row, |x| the Euclidean norm over the last dimension, fp32.
// dx = (dy - y (dy . y)) / |x|, and dy / eps where |x| < eps. Keeps y and the norms.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct L2NormalizeForward {
  const float* x;  // (rows, n)
  float* y;        // (rows, n)
  float* norm;     // (rows), or null
  int64_t rows, n;
  float eps;
};

struct L2NormalizeBackward {
  const float* dy;    // (rows, n)
  const float* y;     // (rows, n)
  const float* norm;  // (rows)
  float* dx;          // (rows, n)
  int64_t rows, n;
  float eps;
};

void l2_normalize_forward(Cpu, const L2NormalizeForward& a);
void l2_normalize_forward(Cuda, const L2NormalizeForward& a);
void l2_normalize_backward(Cpu, const L2NormalizeBackward& a);
void l2_normalize_backward(Cuda, const L2NormalizeBackward& a);

}  // namespace athanor
