// The op `rmsprop`: arguments alpha, eps, momentum, centered, maxNorm (0: no clipping), skipNotFinite, n,
// then for each parameter its handle, mean of squares, momentum buffer (ignored without momentum), mean of
// gradients (ignored unless centered), master (0: none), lr, weightDecay. Otherwise as adamw.
#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int head = 7;

void call(Call& c) {
  RmspropStep step{};
  step.alpha = unit_interval(c, 0, "alpha");
  step.one_minus_alpha = static_cast<float>(1.0 - c.number(0, "alpha"));
  step.eps = not_negative(c, 1, "eps");
  step.momentum = not_negative(c, 2, "momentum");
  const bool centered = c.flag(3, "centered");
  OptimizerCall optimizer(c, {{&OptimizerEntry::v, "square", true},
                              {&OptimizerEntry::m, "buffer", step.momentum != 0},
                              {&OptimizerEntry::mean, "mean", centered}});
  const int each = optimizer.arguments();
  const int n = static_cast<int>(c.integer(6, "n", 0, (c.count() - head) / each));
  for (int i = 0; i < n; i++) optimizer.read(head + i * each, i);
  optimizer.finish(4, [=](Execution& e, std::vector<OptimizerSlot> slots, const Clipping& clipping) {
    RmspropUpdate a{std::move(slots), clipping, step};
    on_device(e, [&](auto device) { rmsprop_update(device, a); });
  });
}

}  // namespace

extern const Op op_rmsprop{"rmsprop", call, "none: an update in place"};

}  // namespace athanor
