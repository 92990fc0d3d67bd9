#include <algorithm>

#include "ops/lstm/lstm.h"

namespace athanor {

LstmPlan lstm_plan(const int32_t* offsets, int64_t batch) {
  LstmPlan plan;
  const auto length = [&](int32_t b) { return offsets[b + 1] - offsets[b]; };
  for (int32_t b = 0; b < batch; b++) plan.order.push_back(b);
  std::stable_sort(plan.order.begin(), plan.order.end(),
                   [&](int32_t a, int32_t b) { return length(a) > length(b); });
  size_t alive = plan.order.size();
  for (int32_t step = 0; alive > 0; step++) {
    while (alive > 0 && length(plan.order[alive - 1]) <= step) alive--;
    if (alive > 0) plan.alive.push_back(static_cast<int32_t>(alive));
  }
  return plan;
}

}  // namespace athanor
