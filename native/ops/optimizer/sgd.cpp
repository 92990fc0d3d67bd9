// The op `sgd`: arguments momentum, dampening, nesterov, maxNorm (0: no clipping), skipNotFinite, n, then for
// each parameter its handle, momentum buffer (ignored without momentum), master (0: none), lr, weightDecay,
// first (its first step: the buffer's contents are not read). Otherwise as adamw.
#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int head = 6;

void call(Call& c) {
  SgdStep step{};
  step.momentum = not_negative(c, 0, "momentum");
  step.dampening = static_cast<float>(c.number(1, "dampening"));
  step.nesterov = c.flag(2, "nesterov");
  if (step.nesterov && (step.momentum == 0 || step.dampening != 0)) {
    c.fail(ErrorCode::argument, "nesterov needs a momentum above 0 and no dampening");
  }
  OptimizerCall optimizer(c, {{&OptimizerEntry::m, "buffer", step.momentum != 0}});
  const int each = optimizer.arguments() + 1;
  const int n = static_cast<int>(c.integer(5, "n", 0, (c.count() - head) / each));
  for (int i = 0; i < n; i++) {
    const int position = head + i * each;
    optimizer.read(position, i, c.flag(position + each - 1, "first"));
  }
  optimizer.finish(3, [=](Execution& e, std::vector<OptimizerSlot> slots, const Clipping& clipping) {
    SgdUpdate a{std::move(slots), clipping, step};
    on_device(e, [&](auto device) { sgd_update(device, a); });
  });
}

}  // namespace

extern const Op op_sgd{"sgd", call, "none: an update in place"};

}  // namespace athanor
