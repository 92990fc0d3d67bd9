// The op `adamw`: arguments beta1, beta2, eps, step (from 1), maxNorm (0: no clipping), skipNotFinite, n,
// then for each parameter its handle, m, v, master (0: none), lr, weightDecay. Gives the norm of the
// gradients before clipping. Parameters without a gradient are passed over. If a gradient is marked by a
// failure, nothing at all is updated; with skipNotFinite neither if the norm is infinite or NaN.
#include <cmath>

#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int head = 7;

void call(Call& c) {
  const float beta1 = unit_interval(c, 0, "beta1"), beta2 = unit_interval(c, 1, "beta2");
  const float eps = not_negative(c, 2, "eps");
  const double t = static_cast<double>(c.integer(3, "step", 1, int64_t{1} << 52));
  OptimizerCall optimizer(c, {{&OptimizerEntry::m, "m", true}, {&OptimizerEntry::v, "v", true}});
  const int each = optimizer.arguments();
  const int n = static_cast<int>(c.integer(6, "n", 0, (c.count() - head) / each));
  for (int i = 0; i < n; i++) optimizer.read(head + i * each, i);
  AdamwStep step{};
  step.beta1 = beta1, step.beta2 = beta2, step.eps = eps;
  step.one_minus_beta1 = static_cast<float>(1.0 - c.number(0, "beta1"));
  step.one_minus_beta2 = static_cast<float>(1.0 - c.number(1, "beta2"));
  // In double: at beta2 = 0.999 the first correction is 1e-3, and fp32 would leave four digits of it.
  step.bias_correction1 = static_cast<float>(1.0 - std::pow(c.number(0, "beta1"), t));
  step.bias_correction2 = static_cast<float>(1.0 - std::pow(c.number(1, "beta2"), t));
  optimizer.finish(4, [=](Execution& e, std::vector<OptimizerSlot> slots, const Clipping& clipping) {
    AdamwUpdate a{std::move(slots), clipping, step};
    on_device(e, [&](auto device) { adamw_update(device, a); });
  });
}

}  // namespace

extern const Op op_adamw{"adamw", call, "none: an update in place"};

}  // namespace athanor
