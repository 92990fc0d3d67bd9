// Over the last dimension, fp32, per row of width n:
//   softmax      y = exp(x - max) / sum exp(x - max)
//   log_softmax  y = x - max - log sum exp(x - max)
//   logsumexp    y = max + log sum exp(x - max)
// A row of nothing but -inf gives NaN, and -inf in logsumexp.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct SoftmaxRows {
  const float* x;  // (rows, n)
  float* y;        // (rows, n); logsumexp: (rows)
  int64_t rows, n;
};

struct SoftmaxGradient {
  const float* dy;  // (rows, n); logsumexp: (rows)
  const float* x;   // (rows, n): logsumexp only
  const float* y;   // (rows, n); logsumexp: (rows)
  float* dx;        // (rows, n)
  int64_t rows, n;
};

void softmax_forward(Cpu, const SoftmaxRows& a);
void softmax_forward(Cuda, const SoftmaxRows& a);
void softmax_backward(Cpu, const SoftmaxGradient& a);
void softmax_backward(Cuda, const SoftmaxGradient& a);
void log_softmax_forward(Cpu, const SoftmaxRows& a);
void log_softmax_forward(Cuda, const SoftmaxRows& a);
void log_softmax_backward(Cpu, const SoftmaxGradient& a);
void log_softmax_backward(Cuda, const SoftmaxGradient& a);
void logsumexp_forward(Cpu, const SoftmaxRows& a);
void logsumexp_forward(Cuda, const SoftmaxRows& a);
void logsumexp_backward(Cpu, const SoftmaxGradient& a);
void logsumexp_backward(Cuda, const SoftmaxGradient& a);

}  // namespace athanor
