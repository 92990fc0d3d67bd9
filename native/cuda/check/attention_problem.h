// An attention problem with all its tensors, and what is right: loops in double over the formulas of
// ops/attention/attention.h. The same loops, rounding as a computation in T does that keeps every tensor in
// memory, say how much error T deserves.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "cuda/check/kernel_check.h"
#include "ops/attention/attention.h"
#include "ops/attention/relative_bias.h"

namespace athanor {

struct AttentionCase {
  std::vector<int> rows;
  std::vector<int> keys;  // empty: the queries' own
  int64_t heads = 2, size = 64;
  bool causal = false;
  float p = 0.0f;
  int64_t bias_batch = 0;
  int64_t buckets = 0, max_distance = 20;
  bool bidirectional = true;
  int64_t padding = 0;    // elements between rows of q, k, v and all gradients
  size_t misaligned = 0;  // elements before them
};

struct AttentionResults {
  std::vector<double> o, lse, weights, dq, dk, dv, dbias, dtable;
};

class AttentionProblem {
 public:
  AttentionCase c;
  AttentionSettings settings{};
  std::vector<int32_t> offsets, key_offsets;
  std::vector<float> q, k, v, d_o, bias, table;  // without padding

  AttentionProblem(CheckRandom& random, const AttentionCase& given) : c(given) {
    if (c.keys.empty()) c.keys = c.rows;
    offsets = sums_of(c.rows), key_offsets = sums_of(c.keys);
    AttentionSettings& s = settings;
    s.batch = static_cast<int64_t>(c.rows.size()), s.q_rows = offsets.back(), s.k_rows = key_offsets.back();
    s.heads = c.heads, s.head_size = c.size;
    s.causal = c.causal;
    s.scale = 1.0f / std::sqrt(static_cast<float>(c.size));
    s.bias_batch = c.bias_batch;
    if (c.bias_batch) s.bias_rows = longest(c.rows) + 1, s.bias_columns = longest(c.keys) + 2;
    s.buckets = c.buckets, s.max_distance = c.max_distance, s.bidirectional = c.bidirectional;
    s.p = c.p, s.seed = 77, s.call = (uint64_t{1} << 32) + 5;
    const size_t q_count = static_cast<size_t>(s.q_rows * width()),
                 k_count = static_cast<size_t>(s.k_rows * width());
    q = random.normals(q_count), k = random.normals(k_count), v = random.normals(k_count);
    d_o = random.normals(q_count);
    bias = random.normals(static_cast<size_t>(s.bias_batch * s.heads * s.bias_rows * s.bias_columns));
    table = random.normals(static_cast<size_t>(s.buckets * s.heads));
  }

  int64_t width() const { return c.heads * c.size; }

  template <class T>
  void round_to() {
    for (std::vector<float>* tensor : {&q, &k, &v, &d_o}) *tensor = rounded_to<T>(*tensor);
  }

  // `Round` says how sums and stored numbers are rounded.
  template <class Round>
  AttentionResults solve() const {
    AttentionResults r;
    r.o.resize(q.size()), r.dq.resize(q.size()), r.dk.resize(k.size()), r.dv.resize(v.size());
    r.lse.resize(static_cast<size_t>(settings.heads * settings.q_rows));
    r.dbias.resize(bias.size()), r.dtable.resize(table.size());
    for (int64_t b = 0; b < settings.batch; b++) {
      for (int64_t h = 0; h < settings.heads; h++) {
        for (int64_t i = 0; i < c.rows[static_cast<size_t>(b)]; i++) solve_row<Round>(r, b, h, i);
      }
    }
    return r;
  }

 private:
  static std::vector<int32_t> sums_of(const std::vector<int>& lengths) {
    std::vector<int32_t> sums{0};
    for (int length : lengths) sums.push_back(sums.back() + length);
    return sums;
  }
  static int64_t longest(const std::vector<int>& lengths) {
    return *std::max_element(lengths.begin(), lengths.end());
  }

  template <class Round>
  double dot(const float* a, const float* b) const {
    double sum = 0;
    for (int64_t d = 0; d < c.size; d++) sum = Round::sum(sum + double{a[d]} * b[d]);
    return sum;
  }

  template <class Round>
  static void axpy(double* y, double factor, const float* x, int64_t count) {
    for (int64_t d = 0; d < count; d++) y[d] = Round::sum(y[d] + factor * x[d]);
  }

  template <class Round>
  void solve_row(AttentionResults& r, int64_t b, int64_t h, int64_t i) const {
    const int64_t lq = c.rows[static_cast<size_t>(b)], lk = c.keys[static_cast<size_t>(b)];
    const int64_t row = offsets[static_cast<size_t>(b)] + i, column = h * c.size;
    const size_t at = static_cast<size_t>(row * width() + column);
    const size_t first = static_cast<size_t>(key_offsets[static_cast<size_t>(b)] * width() + column);
    const size_t step = static_cast<size_t>(width());
    const int64_t seen = c.causal ? std::clamp<int64_t>(i + lk - lq + 1, 0, lk) : lk;
    const size_t n = static_cast<size_t>(seen),
                 plane = static_cast<size_t>((c.bias_batch == 1 ? 0 : b) * c.heads + h);
    const size_t bias_row = (plane * static_cast<size_t>(settings.bias_rows) + static_cast<size_t>(i)) *
                            static_cast<size_t>(settings.bias_columns);
    const auto bucket = [&](size_t j) {
      const int64_t distance = static_cast<int64_t>(j) - (i + lk - lq);
      return static_cast<size_t>(
          relative_bucket(distance, c.bidirectional, c.buckets, c.max_distance) * c.heads + h);
    };
    std::vector<double> s(n), p(n), factor(n, 1.0), dp(n);
    double largest = -INFINITY, total = 0, delta = 0;
    for (size_t j = 0; j < n; j++) {
      s[j] = Round::store(double{settings.scale} * dot<Round>(&q[at], &k[first + j * step]));
      if (c.bias_batch) s[j] = Round::store(s[j] + bias[bias_row + j]);
      if (c.buckets) s[j] = Round::store(s[j] + table[bucket(j)]);
      largest = std::max(largest, s[j]);
    }
    for (size_t j = 0; j < n; j++) total = Round::sum(total + std::exp(s[j] - largest));
    r.lse[static_cast<size_t>(h * settings.q_rows + row)] =
        n && total != 0 ? largest + std::log(total) : -INFINITY;
    if (largest == -INFINITY) {  // sees nothing
      r.weights.insert(r.weights.end(), static_cast<size_t>(lk), 0.0);
      return;
    }
    for (size_t j = 0; j < n; j++) {
      p[j] = Round::store(std::exp(s[j] - largest) / total);
      const uint64_t element = (static_cast<uint64_t>(row * c.heads + h) << 32) + j;
      const bool kept = philox_word(settings.seed, settings.call, element) >= dropout_threshold(c.p);
      if (c.p > 0) factor[j] = kept ? 1.0 / (1.0 - double{c.p}) : 0.0;
      axpy<Round>(&r.o[at], Round::store(p[j] * factor[j]), &v[first + j * step], c.size);
      dp[j] = Round::store(Round::store(dot<Round>(&d_o[at], &v[first + j * step])) * factor[j]);
      delta = Round::sum(delta + p[j] * dp[j]);
    }
    r.weights.insert(r.weights.end(), p.begin(), p.end());
    r.weights.insert(r.weights.end(), static_cast<size_t>(lk - seen), 0.0);
    for (size_t j = 0; j < n; j++) {
      const double ds = Round::store(p[j] * (dp[j] - delta)), scaled = settings.scale * ds;
      axpy<Round>(&r.dv[first + j * step], Round::store(p[j] * factor[j]), &d_o[at], c.size);
      axpy<Round>(&r.dk[first + j * step], scaled, &q[at], c.size);
      axpy<Round>(&r.dq[at], scaled, &k[first + j * step], c.size);
      if (c.bias_batch) r.dbias[bias_row + j] += ds;
      if (c.buckets) r.dtable[bucket(j)] += ds;
    }
  }
};

struct Exact {
  static double sum(double x) { return x; }
  static double store(double x) { return x; }
};

template <class T>
struct Plain {
  static double sum(double x) { return static_cast<float>(x); }
  static double store(double x) { return to_float_on_host(from_float_on_host<T>(static_cast<float>(x))); }
};

}  // namespace athanor
