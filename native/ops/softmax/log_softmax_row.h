// CPU: y = x - max - log sum exp(x - max) of one row; y may be x.
#pragma once

#include <cmath>

#include "cpu/kernels.h"

namespace athanor {

// Two subtractions: x - max is exact where it matters, while max + log(sum) rounds at the size of max.
inline void log_softmax_row(float* y, const float* x, size_t n) {
  const Kernels& k = kernels();
  k.arithmetic_scalar(Arithmetic::subtract, y, x, k.maximum(x, n), n);
  const float sum = k.exp_sum(nullptr, y, 0.0f, n);
  k.arithmetic_scalar(Arithmetic::subtract, y, y, std::log(sum), n);
}

}  // namespace athanor
