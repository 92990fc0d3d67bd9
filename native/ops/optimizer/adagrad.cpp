// The op `adagrad`: arguments eps, maxNorm (0: no clipping), skipNotFinite, n, then for each parameter its
// handle, sum of squares, master (0: none), lr (after decay), weightDecay. Otherwise as adamw.
#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int head = 4;

void call(Call& c) {
  AdagradStep step{};
  step.eps = not_negative(c, 0, "eps");
  OptimizerCall optimizer(c, {{&OptimizerEntry::v, "sum", true}});
  const int each = optimizer.arguments();
  const int n = static_cast<int>(c.integer(3, "n", 0, (c.count() - head) / each));
  for (int i = 0; i < n; i++) optimizer.read(head + i * each, i);
  optimizer.finish(1, [=](Execution& e, std::vector<OptimizerSlot> slots, const Clipping& clipping) {
    AdagradUpdate a{std::move(slots), clipping, step};
    on_device(e, [&](auto device) { adagrad_update(device, a); });
  });
}

}  // namespace

extern const Op op_adagrad{"adagrad", call, "none: an update in place"};

}  // namespace athanor
