// CUDA: what the choices of process_logits remove from a row, all by thresholds: elements become integers in
// the order by which they are chosen, and 32 readings of the row, from its L2 cache mostly, find bit by bit
// the largest threshold at which what lies at or above it has the count or the mass wanted. Nothing is
// sorted, and every sum has a fixed order. All functions are called by all threads of a block.
#pragma once

#include "cuda/online_softmax.h"
#include "ops/top_k/ordered_keys.h"

namespace athanor {

class RowChoices {
 public:
  static constexpr int threads = BlockTeam::most_threads;

  __device__ RowChoices(BlockTeam& team, float* x, int n, int keep)
      : team_(team), x_(x), n_(n), keep_(min(keep, n)), cut_(cut_rows(n, x)) {}

  __device__ void log_softmax() {
    OnlineSoftmax<float> seen;
    for_values(team_, cut_, x_, [&](int, const auto& v) { seen.add(v); });
    seen.combine(team_);
    const float log_sum = logf(seen.divisor());
    change([&](int, float x) { return x - seen.max - log_sum; });
  }

  // y = f(column, x); a barrier follows.
  template <class F>
  __device__ void change(const F& f) {
    for (int i = team_.rank(); i < n_; i += threads) x_[i] = f(i, x_[i]);
    __syncthreads();
  }

  __device__ void top_k(int64_t k) {
    if (k < keep_) k = keep_;
    if (k >= n_) return;
    const auto key = [](float x) { return key_of(x); };
    const uint32_t least = key_of_rank(key, static_cast<int>(k));
    if (least == nan_key) return;  // nothing is less than NaN
    change([&](int, float x) { return key(x) < least ? -INFINITY : x; });
  }

  __device__ void top_p(double p) {
    if (!measure()) return;
    const double mass = p * total_;
    const auto key = [](float x) { return key_of(x); };
    const auto mass_from = [&](uint32_t least) { return mass_at_least(key, least); };
    const uint32_t by_mass = largest_threshold([&](uint32_t least) { return mass_from(least) >= mass; });
    const uint32_t by_count = key_of_rank(key, keep_);
    const uint32_t least = min(by_mass, by_count);
    // Of those that equal the threshold, the first ones.
    const double above = mass_from(least + 1);  // no NaN is left here
    const double one = static_cast<double>(expf(float_of(least) - max_));
    const int missing = keep_ - static_cast<int>(count_at_least(key, least + 1));
    const double wanted = above < mass ? ceil((mass - above) / one) : 0.0;
    keep_from(key, least, max(missing, static_cast<int>(fmin(wanted, static_cast<double>(n_)))));
  }

  __device__ void min_p(double least_share) {
    if (!measure()) return;
    const auto key = [](float x) { return key_of(x); };
    const auto likely = [&](float x) { return static_cast<double>(expf(x - max_)) >= least_share; };
    const uint32_t by_count = key_of_rank(key, keep_);
    if (likely(float_of(by_count))) {
      change([&](int, float x) { return likely(x) ? x : -INFINITY; });
    } else {
      keep_from(key, by_count, keep_ - static_cast<int>(count_at_least(key, by_count + 1)));
    }
  }

  __device__ void typical(double share) {
    if (!measure()) return;
    double weighted = 0.0;
    for_values(team_, cut_, x_, [&](int, const auto& v) {
#pragma unroll
      for (int i = 0; i < static_cast<int>(sizeof v / sizeof v[0]); i++) {
        const float e = expf(v[i] - max_);
        if (e > 0.0f) weighted += static_cast<double>(e) * static_cast<double>(v[i] - max_);
      }
    });
    weighted = team_.sum(weighted);
    const float log_total = static_cast<float>(log(total_));
    const float entropy = static_cast<float>(log(total_) - weighted / total_);
    const float max = max_;
    const auto key = [=](float x) { return key_of(-fabsf(-(x - max - log_total) - entropy)); };
    const double mass = share * total_;
    const uint32_t least =
        largest_threshold([&](uint32_t threshold) { return mass_at_least(key, threshold) >= mass; });
    const uint32_t by_count = key_of_rank(key, keep_);
    if (by_count >= least) {
      change([&](int, float x) { return key(x) < least ? -INFINITY : x; });
    } else {
      keep_from(key, by_count, keep_ - static_cast<int>(count_at_least(key, by_count + 1)));
    }
  }

 private:
  // Maximum and sum of exponentials of the row as it stands; false where it is no distribution.
  __device__ bool measure() {
    OnlineSoftmax<float> seen;
    for_values(team_, cut_, x_, [&](int, const auto& v) { seen.add(v); });
    seen.combine(team_);
    max_ = seen.max;
    if (std::isinf(max_) || seen.sum != seen.sum) return false;
    // As mass_at_least adds, so that the whole row reaches a share of 1.
    total_ = mass_at_least([](float x) { return key_of(x); }, 0);
    return true;
  }

  template <class Key>
  __device__ double mass_at_least(const Key& key, uint32_t least) {
    float mass = 0.0f;
    for_values(team_, cut_, x_, [&](int, const auto& v) {
#pragma unroll
      for (int i = 0; i < static_cast<int>(sizeof v / sizeof v[0]); i++) {
        mass += key(v[i]) >= least ? expf(v[i] - max_) : 0.0f;
      }
    });
    return team_.sum(static_cast<double>(mass));
  }

  template <class Key>
  __device__ int64_t count_at_least(const Key& key, uint32_t least) {
    int count = 0;
    for_values(team_, cut_, x_, [&](int, const auto& v) {
#pragma unroll
      for (int i = 0; i < static_cast<int>(sizeof v / sizeof v[0]); i++) count += key(v[i]) >= least;
    });
    return static_cast<int64_t>(team_.sum(static_cast<double>(count)));
  }

  // The largest threshold for which `reached`, which every smaller one then also is; 0 if none.
  template <class Reached>
  __device__ uint32_t largest_threshold(const Reached& reached) {
    uint32_t threshold = 0;
    for (int bit = 31; bit >= 0; bit--) {
      const uint32_t tried = threshold | 1u << bit;
      if (reached(tried)) threshold = tried;
    }
    return threshold;
  }

  template <class Key>
  __device__ uint32_t key_of_rank(const Key& key, int rank) {
    return largest_threshold([&](uint32_t least) { return count_at_least(key, least) >= rank; });
  }

  // What is above `least` stays, and of what equals it the first `equals`.
  template <class Key>
  __device__ void keep_from(const Key& key, uint32_t least, int equals) {
    in_order<threads>(
        n_, n_, [&](int i) { return key(x_[i]) == least; },
        [&](int i, int place) {
          if (place >= equals) x_[i] = -INFINITY;  // an element that is this thread's in change(), too
        });
    change([&](int, float x) { return key(x) < least ? -INFINITY : x; });
  }

  BlockTeam& team_;
  float* const x_;
  const int n_, keep_;
  const RowCut cut_;
  float max_ = 0.0f;
  double total_ = 0.0;
};

}  // namespace athanor
