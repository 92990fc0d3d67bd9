// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019) and SGD, with the results of
// torch.optim.AdamW and torch.optim.SGD, behind the gradient clipping of torch.nn.utils.clip_grad_norm_:
//   norm = sqrt(sum of squares of all gradients), factor = min(1, max_norm / (norm + 1e-6)), g := factor g.
// AdamW: p *= 1 - lr wd; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
//   p -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps).
// SGD: g += wd p; buf = momentum buf + (1 - dampening) g (at a parameter's first step: g);
//   p -= lr (g + momentum buf for Nesterov, or buf, or g without momentum).
// In place, in commands of a few million elements each, so that a step does not hold up other queues; all of
// them depend on the norm and thus on every gradient: they run all, or none. Norm and factor stay on the
// device.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels.h"
#include "ops/op.h"

namespace athanor {

// One parameter with its gradient and state, n elements each. adamw: m and v; sgd: m is the momentum buffer
// (null without momentum), v null.
struct OptimizerSlot {
  float* p;
  const float* g;
  float* m;
  float* v;
  int64_t n;
  float learning_rate, weight_decay;
  bool first;  // sgd: the buffer starts here
};

// norm[0] = the length of all gradients taken as one vector: squares summed in double over fixed blocks.
struct GradientNorm {
  std::vector<OptimizerSlot> slots;
  float* norm;
};

struct AdamwUpdate {
  std::vector<OptimizerSlot> slots;
  const float* norm;  // (1)
  float max_norm;     // 0: no clipping
  AdamwStep step;     // but for learning rate, weight decay and gradient scale
};

struct SgdUpdate {
  std::vector<OptimizerSlot> slots;
  const float* norm;
  float max_norm;
  SgdStep step;  // likewise
};

// A NaN stays NaN, as in PyTorch: the parameters then become NaN too.
inline float clip_factor(float norm, float max_norm) {
  if (max_norm == 0.0f) return 1.0f;
  float factor = max_norm / (norm + 1e-6f);
  return factor > 1.0f ? 1.0f : factor;
}

void gradient_norm(Cpu, const GradientNorm& a);
void adamw_update(Cpu, const AdamwUpdate& a);
void sgd_update(Cpu, const SgdUpdate& a);

// ---- what the two fronts share (optimizer.cpp) ----

// A parameter that has a gradient.
struct OptimizerEntry {
  View p, g, m, v;
  float learning_rate, weight_decay;
  bool first;
};

class OptimizerCall {
 public:
  OptimizerCall(Call& c, int states) : c_(c), states_(states) {}

  // Reads the parameter whose arguments begin at `position`: its handle, `states` state handles (ignored
  // without `with_state`), learning rate, weight decay. Passed over when it has no gradient.
  void read(int position, int index, bool with_state, bool first);
  // Enqueues the norm, makes it the result, and enqueues `update` behind it, in slices.
  void finish(std::function<void(Execution&, std::vector<OptimizerSlot>, const float*)> update);

 private:
  View state(int position, const std::string& name, const TensorRef& parameter);
  void check_parameter(const TensorRef& p, const std::string& name);

  Call& c_;
  const int states_;
  std::vector<OptimizerEntry> entries_;
  std::vector<std::pair<const Storage*, int64_t>> written_;  // storage and offset: nothing may come twice
};

float unit_interval(const Call& c, int position, const char* name);  // [0, 1)
float not_negative(const Call& c, int position, const char* name);

}  // namespace athanor
