// Over the last dimension, per row of width n:
//   softmax      y = exp(x - max) / sum exp(x - max)
//   log_softmax  y = x - max - log sum exp(x - max)
//   logsumexp    y = max + log sum exp(x - max)
// A row of nothing but -inf gives NaN, and -inf in logsumexp.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// T: f32, or bf16 on CUDA; logsumexp and its gradient are fp32 always.
template <class T>
struct SoftmaxRows {
  const T* x;  // (rows, n)
  T* y;        // (rows, n)
  int64_t rows, n;
};

template <class T>
struct SoftmaxGradient {
  const T* dy;  // (rows, n)
  const T* y;   // (rows, n)
  T* dx;        // (rows, n)
  int64_t rows, n;
};

template <class T>
struct LogsumexpRows {
  const T* x;  // (rows, n)
  float* y;    // (rows)
  int64_t rows, n;
};

template <class T>
struct LogsumexpGradient {
  const float* dy;  // (rows)
  const T* x;       // (rows, n)
  const float* y;   // (rows)
  T* dx;            // (rows, n)
  int64_t rows, n;
};

void softmax_forward(Cpu, const SoftmaxRows<float>& a);
void softmax_backward(Cpu, const SoftmaxGradient<float>& a);
void log_softmax_forward(Cpu, const SoftmaxRows<float>& a);
void log_softmax_backward(Cpu, const SoftmaxGradient<float>& a);
void logsumexp_forward(Cpu, const LogsumexpRows<float>& a);
void logsumexp_backward(Cpu, const LogsumexpGradient<float>& a);

template <class T>
void softmax_forward(Cuda, const SoftmaxRows<T>& a);
template <class T>
void softmax_backward(Cuda, const SoftmaxGradient<T>& a);
template <class T>
void log_softmax_forward(Cuda, const SoftmaxRows<T>& a);
template <class T>
void log_softmax_backward(Cuda, const SoftmaxGradient<T>& a);
template <class T>
void logsumexp_forward(Cuda, const LogsumexpRows<T>& a);
template <class T>
void logsumexp_backward(Cuda, const LogsumexpGradient<T>& a);

}  // namespace athanor
