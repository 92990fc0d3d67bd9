// Softmax and negative log-likelihood over classes, as torch.nn.functional.cross_entropy with class indices.
// Per row, with p = softmax(x), smoothing e, class weights w (1 without), V classes and label t:
//   loss = (1 - e) w[t] (-log p[t]) + e/V sum over c of w[c] (-log p[c])
//   dx[c] = factor (p[c] ((1 - e) w[t] + e/V sum w) - (1 - e) w[t] [c = t] - e/V w[c])
// Rows whose label is ignore_index have loss and gradient 0. mean divides by the sum of w[t] over counted
// rows: NaN when there is none, with a gradient of 0.
#pragma once

#include <cstdint>

#include "ops/losses/reduction_kind.h"
#include "ops/op.h"

namespace athanor {

struct CrossEntropyOptions {
  int64_t ignore_index;
  float smoothing;
  Reduction reduction;
};

// What both directions read; T: f32, or bf16 on CUDA. The statistics of a row are its maximum and sum
// exp(x - max): together the logsumexp, kept in two parts because their rounded sum would cost
// exp(x - logsumexp) the digits of max.
template <class T>
struct CrossEntropyRows {
  const T* logits;  // (N, V), rows `stride` elements apart
  int64_t stride;
  Indices labels;       // (N)
  const float* weight;  // (V), or null
  int64_t rows, classes;
  CrossEntropyOptions options;
};

template <class T>
struct CrossEntropyForward {
  CrossEntropyRows<T> in;
  float* loss;        // one element, or (N) without reduction
  float* statistics;  // (N, 2), or null
};

template <class T>
struct CrossEntropyBackward {
  CrossEntropyRows<T> in;
  const float* statistics;  // (N, 2)
  const float* dloss;       // one element, or (N) without reduction
  T* dlogits;               // (N, V), contiguous
};

// Throws ERR_DATA for the first label outside 0..V-1 that is not ignore_index.
void cross_entropy_forward(Cpu, const CrossEntropyForward<float>& a);
void cross_entropy_backward(Cpu, const CrossEntropyBackward<float>& a);
template <class T>
void cross_entropy_forward(Cuda, const CrossEntropyForward<T>& a);
template <class T>
void cross_entropy_backward(Cuda, const CrossEntropyBackward<T>& a);

}  // namespace athanor
