// y = x / max(|x|, eps) per row, |x| the Euclidean norm over the last dimension.
// dx = (dy - y (dy . y)) / |x|, and dy / eps where |x| < eps. Keeps y and the norms.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// T: f32, or bf16 on CUDA; norms are fp32.
template <class T>
struct L2NormalizeForward {
  const T* x;   // (rows, n)
  T* y;         // (rows, n)
  float* norm;  // (rows), or null
  int64_t rows, n;
  float eps;
};

template <class T>
struct L2NormalizeBackward {
  const T* dy;        // (rows, n)
  const T* y;         // (rows, n)
  const float* norm;  // (rows)
  T* dx;              // (rows, n)
  int64_t rows, n;
  float eps;
};

void l2_normalize_forward(Cpu, const L2NormalizeForward<float>& a);
void l2_normalize_backward(Cpu, const L2NormalizeBackward<float>& a);
template <class T>
void l2_normalize_forward(Cuda, const L2NormalizeForward<T>& a);
template <class T>
void l2_normalize_backward(Cuda, const L2NormalizeBackward<T>& a);

}  // namespace athanor
