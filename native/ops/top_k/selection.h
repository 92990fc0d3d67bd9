// CPU: the best of a row without sorting it. A scan collects what beats the worst of the best so far, which
// soon is next to nothing, and whenever enough has come together keeps the best of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/kernels.h"

namespace athanor {

struct Candidate {
  float key;    // by which they are ordered
  float value;  // what is reported
  int64_t index;
};

// NaN first, then by key, then the smaller index.
inline bool better(const Candidate& a, const Candidate& b) {
  if (a.key > b.key) return true;
  if (a.key < b.key) return false;
  const bool a_nan = std::isnan(a.key), b_nan = std::isnan(b.key);
  return a_nan != b_nan ? a_nan : a.index < b.index;
}

class Selection {
 public:
  explicit Selection(size_t k) : k_(k), room_(k + std::max<size_t>(k, 64)) { kept_.reserve(room_); }

  void clear() {
    kept_.clear();
    full_ = false;
  }
  void add(const Candidate& c) {
    if (full_ && !better(c, worst_)) return;
    kept_.push_back(c);
    if (kept_.size() == room_) cut();
  }
  // Whether nothing with a later index and a key that is not above `threshold` (nor NaN) can be among the
  // best.
  bool full() const { return full_; }
  float threshold() const { return worst_.key; }

  // The best, in order.
  std::vector<Candidate>& finish() {
    if (kept_.size() > k_) cut();
    std::sort(kept_.begin(), kept_.end(), better);
    return kept_;
  }

 private:
  void cut() {
    const auto last = kept_.begin() + static_cast<ptrdiff_t>(k_) - 1;
    std::nth_element(kept_.begin(), last, kept_.end(), better);
    kept_.resize(k_);
    worst_ = kept_.back();
    full_ = true;
  }

  const size_t k_, room_;
  std::vector<Candidate> kept_;
  Candidate worst_{};
  bool full_ = false;
};

// Calls take(i) for every i of a row in which x[i] > threshold() or x[i] is NaN; threshold() is asked again
// every few elements, and a NaN ends the scan.
template <class Threshold, class Take>
void scan_above(const float* x, size_t n, size_t from, const Threshold& threshold, const Take& take) {
  constexpr size_t most = 64;
  int32_t found[most + 64];  // a block of vectors may overrun
  while (from < n) {
    const float above = threshold();
    if (std::isnan(above)) return;
    const size_t count = kernels().find_above(found, most, x, n, above, &from);
    for (size_t i = 0; i < count; i++) take(static_cast<size_t>(found[i]));
  }
}

// The k best of a row by x itself, in order, to selection.finish().
inline void select_row(Selection& selection, const float* x, size_t n, size_t k) {
  selection.clear();
  const auto take = [&](size_t i) { selection.add({x[i], x[i], static_cast<int64_t>(i)}); };
  const size_t first = std::min(n, k + std::max<size_t>(k, 64));
  for (size_t i = 0; i < first; i++) take(i);
  scan_above(
      x, n, first, [&] { return selection.threshold(); }, take);
}

}  // namespace athanor
