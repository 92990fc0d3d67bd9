// Element-wise losses with x and target of one shape (n elements):
//   mse              loss = (x - t)^2
//   bce_with_logits  loss = (1 - t) softplus(x) + w t softplus(-x), w the positive weight of the column (1
//   without)
// reduced by mean (NaN over nothing), sum or none. A target that is NaN is an error.
#pragma once

#include <cstdint>

#include "ops/losses/reduction_kind.h"
#include "ops/op.h"

namespace athanor {

// T and U, the elements of x and target: f32, or either of f32 and bf16 on CUDA. Losses are fp32.
template <class T, class U>
struct LossForward {
  const T* x;            // (n)
  const U* target;       // (n)
  const U* target_host;  // the same on the host, or null where only the device knows it
  const float* weight;   // (width), or null: bce only
  float* loss;           // one element, or (n) without reduction
  int64_t n, width;
  Reduction reduction;
  Shape shape;  // for messages
};

template <class T, class U>
struct LossBackward {
  const T* x;           // (n)
  const U* target;      // (n)
  const float* weight;  // (width), or null: bce only
  const float* dloss;   // one element, or (n) without reduction
  T* dx;                // (n)
  int64_t n, width;
  Reduction reduction;
};

// ERR_DATA for a target that is NaN, the element `index` of an array of this shape.
[[noreturn]] void fail_target(const char* op, int64_t index, const Shape& shape);

// Both throw that for the first such target.
void mse_forward(Cpu, const LossForward<float, float>& a);
void bce_with_logits_forward(Cpu, const LossForward<float, float>& a);
// dx = 2 (x - t) dloss / count.
void mse_backward(Cpu, const LossBackward<float, float>& a);
// dx = ((1 - t) sigmoid(x) - w t sigmoid(-x)) dloss / count.
void bce_with_logits_backward(Cpu, const LossBackward<float, float>& a);

template <class T, class U>
void mse_forward(Cuda, const LossForward<T, U>& a);
template <class T, class U>
void bce_with_logits_forward(Cuda, const LossForward<T, U>& a);
template <class T, class U>
void mse_backward(Cuda, const LossBackward<T, U>& a);
template <class T, class U>
void bce_with_logits_backward(Cuda, const LossBackward<T, U>& a);

}  // namespace athanor
