// Element-wise losses, fp32, with x and target of one shape (n elements):
//   mse              loss = (x - t)^2
//   bce_with_logits  loss = (1 - t) softplus(x) + w t softplus(-x), w the positive weight of the column (1
//   without)
// reduced by mean (NaN over nothing), sum or none. A target that is NaN is an error.
#pragma once

#include <cstdint>

#include "ops/losses/reduction_kind.h"
#include "ops/op.h"

namespace athanor {

struct LossForward {
  const float* x;       // (n)
  const float* target;  // (n)
  const float* weight;  // (width), or null: bce only
  float* loss;          // one element, or (n) without reduction
  int64_t n, width;
  Reduction reduction;
  Shape shape;  // for messages
};

struct LossBackward {
  const float* x;       // (n)
  const float* target;  // (n)
  const float* weight;  // (width), or null: bce only
  const float* dloss;   // one element, or (n) without reduction
  float* dx;            // (n)
  int64_t n, width;
  Reduction reduction;
};

// Both throw ERR_DATA for the first target that is NaN.
void mse_forward(Cpu, const LossForward& a);
void mse_forward(Cuda, const LossForward& a);
void bce_with_logits_forward(Cpu, const LossForward& a);
void bce_with_logits_forward(Cuda, const LossForward& a);
// dx = 2 (x - t) dloss / count.
void mse_backward(Cpu, const LossBackward& a);
void mse_backward(Cuda, const LossBackward& a);
// dx = ((1 - t) sigmoid(x) - w t sigmoid(-x)) dloss / count.
void bce_with_logits_backward(Cpu, const LossBackward& a);
void bce_with_logits_backward(Cuda, const LossBackward& a);

}  // namespace athanor
