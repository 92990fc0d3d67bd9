#include "ops/process_logits/kept_tokens.h"

#include <cmath>
#include <limits>

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr size_t first_few = 64;  // candidates tried first; then eight times as many, and so on

// Calls enough(best, all) with the best of a row, ever more of them, until it returns true; `all`: there are
// no more.
template <class Enough>
void select_more(const float* x, size_t n, const Enough& enough) {
  for (size_t k = std::min(first_few, n);; k = std::min(8 * k, n)) {
    Selection selection(k);
    select_row(selection, x, n, k);
    if (enough(selection.finish(), k == n) || k == n) return;
  }
}

double exponential(float x, float max) {
  return std::exp(static_cast<double>(x) - static_cast<double>(max));
}

// How many of `best`, in order, are kept: as long as those before have less than `mass`; 0: not known, the
// list ends too early.
size_t count_of_mass(const std::vector<Candidate>& best, float max, double mass, size_t keep, bool all) {
  double before = 0;
  for (size_t i = 0; i < best.size(); i++) {
    if (before >= mass && i >= keep) return i;
    before += exponential(best[i].value, max);
  }
  return all ? best.size() : 0;
}

// What x has to be at least so that all such x have `mass`, or a little more, together: masses are added up
// in steps of 1/32 below the largest. -inf where the steps do not reach. `weights` (n) is scratch.
float threshold_of_mass(const float* x, size_t n, float max, double mass, float* weights) {
  constexpr float unit = 32;
  constexpr size_t steps = 1024;
  double masses[steps] = {};
  kernels().exp_sum(weights, x, max, n);
  for (size_t i = 0; i < n; i++) {
    const float below = (max - x[i]) * unit;
    if (below < static_cast<float>(steps))
      masses[static_cast<size_t>(below)] += static_cast<double>(weights[i]);
  }
  double reached = 0;
  for (size_t step = 0; step < steps; step++) {
    reached += masses[step];
    // One step more than is needed: weights are rounded.
    if (reached >= mass) return max - static_cast<float>(step + 2) / unit;
  }
  return -infinity;
}

// Calls take(i) for all x[i] >= least, of those that are not -inf, and NaN. The scan looks for what is above
// a number a little smaller, and not for one above the subnormal number before 0: workers take those for 0.
template <class Take>
void scan_from(const float* x, size_t n, float least, const Take& take) {
  constexpr float tiny = std::numeric_limits<float>::min();
  const float below = std::fabs(least) <= tiny ? -2.0f * tiny : std::nextafter(least, -infinity);
  const auto exactly = [&](size_t i) {
    if (!(x[i] < least)) take(i);
  };
  scan_above(
      x, n, 0, [=] { return below; }, exactly);
}

}  // namespace

bool KeptTokens::sum(Sum& sum) const {
  if (chosen_) {
    sum.max = list_.empty() ? -infinity : list_[0].value;
    if (!std::isfinite(sum.max)) return false;
    sum.total = 0;
    for (const Candidate& c : list_) sum.total += exponential(c.value, sum.max);
    return true;
  }
  sum.max = kernels().maximum(x_, n_);
  if (!std::isfinite(sum.max)) return false;
  sum.total = static_cast<double>(kernels().exp_sum(nullptr, x_, sum.max, n_));
  return true;
}

void KeptTokens::keep(const std::vector<Candidate>& tokens, size_t count) {
  list_.assign(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(std::min(count, tokens.size())));
  chosen_ = true;
}

void KeptTokens::keep_at_least(float least) {
  list_.clear();
  scan_from(x_, n_, least, [&](size_t i) { list_.push_back({x_[i], x_[i], static_cast<int64_t>(i)}); });
  std::sort(list_.begin(), list_.end(), better);
  chosen_ = true;
}

// The first choice, so there is no list yet.
void KeptTokens::top_k(size_t k) {
  k = std::max(k, keep_);
  if (k >= n_) return;
  Selection selection(k);
  select_row(selection, x_, n_, k);
  const float least = selection.finish().back().value;
  if (least > -infinity) keep_at_least(least);  // -inf and NaN remove nothing
}

// A few tokens mostly, which are selected in next to no time; where they are not enough, what lies above a
// threshold is sorted.
void KeptTokens::top_p(double p) {
  Sum whole{};
  if (!sum(whole)) return;
  const double mass = p * whole.total;
  if (chosen_) return list_.resize(count_of_mass(list_, whole.max, mass, keep_, true));
  const size_t few = std::min(first_few, n_);
  Selection selection(few);
  select_row(selection, x_, n_, few);
  keep(selection.finish(), few);
  size_t count = count_of_mass(list_, whole.max, mass, keep_, few == n_);
  if (count == 0) {
    keep_at_least(threshold_of_mass(x_, n_, whole.max, mass, worker_.floats(n_, 1)));
    count = count_of_mass(list_, whole.max, mass, keep_, false);
  }
  if (count == 0) {
    keep_at_least(-infinity);
    count = count_of_mass(list_, whole.max, mass, keep_, true);
  }
  list_.resize(count);
}

void KeptTokens::min_p(double least) {
  Sum whole{};
  if (!sum(whole)) return;
  if (!chosen_) {
    // A little less than asked for: the test below decides.
    keep_at_least(whole.max + static_cast<float>(std::log(least)) * 1.000001f - 1e-6f * std::fabs(whole.max));
    if (list_.size() < keep_) {
      Selection selection(std::min(keep_, n_));
      select_row(selection, x_, n_, std::min(keep_, n_));
      keep(selection.finish(), keep_);
    }
  }
  size_t count = std::min(keep_, list_.size());
  while (count < list_.size() && exponential(list_[count].value, whole.max) >= least) count++;
  list_.resize(count);
}

// Works on the row of -|information - entropy|, whose best are the most typical.
void KeptTokens::typical(double mass) {
  Sum whole{};
  if (!sum(whole)) return;
  const size_t n = chosen_ ? list_.size() : n_;
  const auto logit = [&](size_t i) { return chosen_ ? list_[i].value : x_[i]; };
  float* nearness = worker_.floats(n, 1);  // at first the exponentials
  if (chosen_) {
    for (size_t i = 0; i < n; i++) nearness[i] = static_cast<float>(exponential(logit(i), whole.max));
  } else {
    kernels().exp_sum(nearness, x_, whole.max, n);
  }
  double weighted = 0;  // sum of p log p, unnormalised
  for (size_t i = 0; i < n; i++) {
    const double x = static_cast<double>(logit(i) - whole.max);
    if (nearness[i] > 0.0f) weighted += static_cast<double>(nearness[i]) * x;
  }
  const float log_total = static_cast<float>(std::log(whole.total));
  const float entropy = static_cast<float>(std::log(whole.total) - weighted / whole.total);
  for (size_t i = 0; i < n; i++) {
    nearness[i] = -std::fabs(-(logit(i) - whole.max - log_total) - entropy);
  }
  std::vector<Candidate> left;
  select_more(nearness, n, [&](const std::vector<Candidate>& best, bool all) {
    double before = 0;  // the last that counts is the first that reaches `mass`
    size_t last = 0;
    for (; last < best.size(); last++) {
      before += exponential(logit(static_cast<size_t>(best[last].index)), whole.max);
      if (before >= mass * whole.total) break;
    }
    if (last == best.size() && !all) return false;
    if (best.size() < std::min(keep_, n)) return false;
    const float least = best[std::min(last, best.size() - 1)].value;
    if (!std::isfinite(least)) return true;  // removes nothing
    const float kept_anyway = best[std::min(keep_, best.size()) - 1].value;
    if (kept_anyway < least) {
      left.assign(best.begin(), best.begin() + static_cast<ptrdiff_t>(std::min(keep_, best.size())));
      return true;
    }
    scan_from(nearness, n, least, [&](size_t i) { left.push_back({0, 0, static_cast<int64_t>(i)}); });
    return true;
  });
  if (left.empty()) return;
  for (Candidate& c : left) {
    const size_t i = static_cast<size_t>(c.index);
    if (chosen_) {
      c = list_[i];
    } else {
      c.key = c.value = x_[i];
    }
  }
  std::sort(left.begin(), left.end(), better);
  keep(left, left.size());
}

void KeptTokens::write(bool log_softmax) const {
  Sum whole{};
  if (log_softmax && !sum(whole)) {
    return kernels().fill(x_, std::numeric_limits<float>::quiet_NaN(), n_);  // as log_softmax makes it
  }
  kernels().fill(x_, -infinity, n_);
  const float log_total = log_softmax ? static_cast<float>(std::log(whole.total)) : 0.0f;
  for (const Candidate& c : list_) x_[c.index] = log_softmax ? c.value - whole.max - log_total : c.value;
}

}  // namespace athanor
