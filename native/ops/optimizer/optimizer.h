// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019), SGD, Adagrad (Duchi et al.
// 2011) and RMSProp (Tieleman and Hinton 2012), with the results of torch.optim.AdamW, SGD, Adagrad and
// RMSprop, behind the gradient clipping of torch.nn.utils.clip_grad_norm_:
//   norm = sqrt(sum of squares of all gradients), factor = min(1, max_norm / (norm + 1e-6)), g := factor g.
// AdamW: p *= 1 - lr wd; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
//   p -= lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps).
// SGD: g += wd p; buf = momentum buf + (1 - dampening) g (at a parameter's first step: g);
//   p -= lr (g + momentum buf for Nesterov, or buf, or g without momentum).
// Adagrad: g += wd p; sum += g^2; p -= lr g / (sqrt(sum) + eps).
// RMSProp: g += wd p; sq = alpha sq + (1 - alpha) g^2; centered: mean += (1 - alpha) (g - mean);
//   d = g / (sqrt(sq - mean^2, or sq alone) + eps); p -= lr d, with momentum: buf = momentum buf + d,
//   p -= lr buf.
// In place: on the CPU in commands of a few million elements each, so that a step does not hold up other
// queues, on a GPU in one. All of them depend on a command that depends on every gradient: they run all, or
// none. With clipping that is the norm; without, the norm is found in the same sweep as the update, while the
// gradients are in cache. Norm and factor stay on the device. A step may be told to change nothing when the
// norm is not finite; it then finds the norm first, too.
//
// A bf16 parameter (on CUDA) comes with master weights, the same in f32: they are updated, from an f32
// gradient and with f32 state, and the parameter is what they round to (to nearest, ties to even).
#pragma once

#include <cstdint>
#include <vector>

#include "core/device_code.h"
#include "cpu/kernels.h"
#include "ops/op.h"

namespace athanor {

// One parameter with its gradient and state, n elements each. adamw: m and v; sgd: m is the momentum buffer
// (null without momentum); adagrad: v is the sum of squares; rmsprop: v is the mean of squares, m the
// momentum buffer, mean that of gradients (null without). What an optimizer does not have is null.
struct OptimizerSlot {
  float* p;  // of a bf16 parameter, its master weights
  const float* g;
  float* m;
  float* v;
  float* mean;
  bf16* rounded;  // the bf16 parameter, or null; always null on the CPU
  int64_t n;
  float learning_rate, weight_decay;
  bool first;  // sgd: the buffer starts here
};

// norm[0] = the length of all gradients taken as one vector: squares summed in double over fixed blocks.
struct GradientNorm {
  std::vector<OptimizerSlot> slots;
  float* norm;
};

// What an update knows of the gradients as a whole.
struct Clipping {
  float max_norm;        // 0: no clipping
  const float* norm;     // (1) with clipping, or where that may skip the update
  double* squares;       // (1) without norm: receives the sum of squares of these slots' gradients
  bool skip_not_finite;  // changes nothing when the norm is infinite or NaN
};

struct AdamwUpdate {
  std::vector<OptimizerSlot> slots;
  Clipping clipping;
  AdamwStep step;  // but for learning rate, weight decay and gradient scale
};

struct SgdUpdate {
  std::vector<OptimizerSlot> slots;
  Clipping clipping;
  SgdStep step;  // likewise
};

struct AdagradUpdate {
  std::vector<OptimizerSlot> slots;
  Clipping clipping;
  AdagradStep step;  // likewise
};

struct RmspropUpdate {
  std::vector<OptimizerSlot> slots;
  Clipping clipping;
  RmspropStep step;  // likewise
};

// norm[0] = the root of the sum of `count` squares: what the updates of a step without clipping found.
struct NormOfSquares {
  const double* squares;
  int64_t count;
  float* norm;
};

// Whether the gradients forbid the update.
ATHANOR_DEVICE inline bool skipped(const Clipping& clipping) {
  return clipping.skip_not_finite && !(*clipping.norm <= 3.402823466e38f);
}

// A NaN stays NaN, as in PyTorch: the parameters then become NaN too.
ATHANOR_DEVICE inline float clip_factor(const Clipping& clipping) {
  if (clipping.max_norm == 0.0f) return 1.0f;
  float factor = clipping.max_norm / (*clipping.norm + 1e-6f);
  return factor > 1.0f ? 1.0f : factor;
}

void gradient_norm(Cpu, const GradientNorm& a);
void gradient_norm(Cuda, const GradientNorm& a);
void norm_of_squares(Cpu, const NormOfSquares& a);
void norm_of_squares(Cuda, const NormOfSquares& a);
void adamw_update(Cpu, const AdamwUpdate& a);
void adamw_update(Cuda, const AdamwUpdate& a);
void sgd_update(Cpu, const SgdUpdate& a);
void sgd_update(Cuda, const SgdUpdate& a);
void adagrad_update(Cpu, const AdagradUpdate& a);
void adagrad_update(Cuda, const AdagradUpdate& a);
void rmsprop_update(Cpu, const RmspropUpdate& a);
void rmsprop_update(Cuda, const RmspropUpdate& a);

// ---- what the fronts share (optimizer.cpp) ----

// A parameter that has a gradient.
struct OptimizerEntry {
  View p, g, m, v, mean, rounded;  // as in OptimizerSlot
  float learning_rate, weight_decay;
  bool first;
};

// A state that the arguments of a parameter have a handle for: where it goes, its name in messages, and
// whether it is wanted (its handle is ignored otherwise).
struct OptimizerState {
  View OptimizerEntry::*place;
  const char* name;
  bool wanted;
};

class OptimizerCall {
 public:
  OptimizerCall(Call& c, std::vector<OptimizerState> states) : c_(c), states_(std::move(states)) {}

  // How many arguments a parameter has, but for what the op adds at the end.
  int arguments() const { return 4 + static_cast<int>(states_.size()); }
  // Reads the parameter whose arguments begin at `position`: its handle, those of its states, that of its
  // master weights (0: none), learning rate, weight decay. Passed over when it has no gradient.
  void read(int position, int index, bool first = false);
  // Makes the norm the result and enqueues `update` in slices. Reads maxNorm (0: no clipping) and
  // skipNotFinite at `position`.
  using Update = std::function<void(Execution&, std::vector<OptimizerSlot>, const Clipping&)>;
  void finish(int position, const Update& update);

 private:
  void update_with_norm(const Clipping& clipping, const View& norm, const std::vector<View>& all,
                        const Update& update);
  void update_and_norm(const View& norm, const std::vector<View>& all, const Update& update);
  View state(int position, const std::string& name, const TensorRef& parameter);
  View master(int position, int index, const TensorRef& parameter);
  void check_place(const TensorRef& p, const std::string& name);

  Call& c_;
  const std::vector<OptimizerState> states_;
  std::vector<OptimizerEntry> entries_;
  std::vector<std::pair<const Storage*, int64_t>> written_;  // storage and offset: nothing may come twice
};

float unit_interval(const Call& c, int position, const char* name);  // [0, 1)
float not_negative(const Call& c, int position, const char* name);

}  // namespace athanor
