// A row is read once from memory; its second and third reading, for the sum of exponentials and the choice,
// come from L2. Jobs are rows; the best of a group's rows are put together at the end.
#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/top_k/gumbel.h"
#include "ops/top_k/selection.h"
#include "ops/top_k/top_k.h"

namespace athanor {

namespace {

// f of one row. Two subtractions, as log_softmax has them: x - max is exact where it matters.
struct RowValue {
  float max = 0.0f, log_sum = 0.0f, score = 0.0f;

  const bool log_softmax, scored;

  RowValue(const TopK<float>& a, int64_t row) : log_softmax(a.log_softmax), scored(a.scores != nullptr) {
    const float* x = a.x + row * a.x_stride;
    const size_t n = static_cast<size_t>(a.width);
    if (a.scores) score = a.scores[row];
    if (!a.log_softmax) return;
    max = kernels().maximum(x, n);
    log_sum = std::log(kernels().exp_sum(nullptr, x, max, n));
  }

  float of(float x) const {
    if (log_softmax) x = x - max - log_sum;
    return scored ? x + score : x;
  }
  // An x with of(x) > value is larger than this. `more`: what else may be added to of(x).
  float least_x(float value, float more) const {
    if (!std::isfinite(value)) return value;
    const float size = std::fabs(value) + std::fabs(score) + std::fabs(log_sum) + std::fabs(max) + more;
    return value - more - score + log_sum + max - 1e-6f * size;
  }
};

void select_best(const TopK<float>& a, int64_t row, Selection& selection) {
  const float* x = a.x + row * a.x_stride;
  const size_t n = static_cast<size_t>(a.width), k = std::min(static_cast<size_t>(a.k), n);
  const RowValue value(a, row);
  const int64_t before = row % a.group * a.width;  // the index of element 0
  selection.clear();
  const auto take = [&](size_t i) {
    const float f = value.of(x[i]);
    const uint64_t element = static_cast<uint64_t>(row * a.width) + i;
    const float key = a.draw ? f + gumbel(a.seed, a.call, element) : f;
    selection.add({key, f, before + static_cast<int64_t>(i)});
  };
  const size_t first = std::min(n, k + std::max<size_t>(k, 64));
  for (size_t i = 0; i < first; i++) take(i);
  const float more = a.draw ? most_gumbel : 0.0f;
  scan_above(
      x, n, first, [&] { return value.least_x(selection.threshold(), more); }, take);
}

void write_best(const TopK<float>& a, int64_t group, const Candidate* best) {
  for (int64_t i = 0; i < a.k; i++) {
    a.values[group * a.k + i] = best[i].value;
    a.indices[group * a.k + i] = static_cast<int32_t>(best[i].index);
  }
}

}  // namespace

void top_k(Cpu, const TopK<float>& a) {
  const size_t of_row = static_cast<size_t>(std::min(a.k, a.width)), rows = static_cast<size_t>(a.rows);
  std::vector<Candidate> best(a.group > 1 ? rows * of_row : 0);  // (rows, of_row)
  const size_t grain = static_cast<size_t>(16384 / (a.width + 1) + 1);
  parallel_ranges(rows, grain, [&](size_t begin, size_t end, Worker&) {
    Selection selection(of_row);
    for (size_t row = begin; row < end; row++) {
      select_best(a, static_cast<int64_t>(row), selection);
      const std::vector<Candidate>& found = selection.finish();
      if (a.group > 1) {
        std::copy(found.begin(), found.end(), best.begin() + static_cast<ptrdiff_t>(row * of_row));
      } else {
        write_best(a, static_cast<int64_t>(row), found.data());
      }
    }
  });
  if (a.group == 1) return;
  for (int64_t g = 0; g < a.rows / a.group; g++) {
    const auto first = best.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(g * a.group) * of_row);
    const auto last = first + static_cast<ptrdiff_t>(static_cast<size_t>(a.group) * of_row);
    std::partial_sort(first, first + static_cast<ptrdiff_t>(a.k), last, better);
    write_best(a, g, &*first);
  }
}

}  // namespace athanor
