// What attention does to a strip of scores between its products. Rows are padded to whole vectors, so that all
// loads and stores are whole; lanes that a row does not see are masked in its last vector and zeroed beyond.
#include "cpu/isa/isa.h"
#include "cpu/isa/math.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

// Lane i of the result is lane i + W / 2 (then W / 4, ...) of v, in the lower lanes.
#if defined(__AVX512F__)
ATHANOR_INLINE vf upper_8(vf v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
ATHANOR_INLINE vf upper_4(vf v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3);
}
ATHANOR_INLINE vf upper_2(vf v) {
  return __builtin_shufflevector(v, v, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1);
}
ATHANOR_INLINE vf upper_1(vf v) {
  return __builtin_shufflevector(v, v, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0);
}
#elif defined(__AVX2__)
ATHANOR_INLINE vf upper_4(vf v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
}
ATHANOR_INLINE vf upper_2(vf v) {
  return __builtin_shufflevector(v, v, 2, 3, 0, 1, 2, 3, 0, 1);
}
ATHANOR_INLINE vf upper_1(vf v) {
  return __builtin_shufflevector(v, v, 1, 0, 1, 0, 1, 0, 1, 0);
}
#else
ATHANOR_INLINE vf upper_2(vf v) {
  return __builtin_shufflevector(v, v, 2, 3, 0, 1);
}
ATHANOR_INLINE vf upper_1(vf v) {
  return __builtin_shufflevector(v, v, 1, 0, 1, 0);
}
#endif

// Over the lanes, halves first: a fixed order.
template <class Operation>
ATHANOR_INLINE float over_lanes(vf v, const Operation& operation) {
#if defined(__AVX512F__)
  v = operation(v, upper_8(v));
#endif
#if defined(__AVX512F__) || defined(__AVX2__)
  v = operation(v, upper_4(v));
#endif
  v = operation(v, upper_2(v));
  v = operation(v, upper_1(v));
  return v[0];
}

ATHANOR_INLINE vf larger(vf a, vf b) {
  return select(a > b, a, b);
}
ATHANOR_INLINE vf plus(vf a, vf b) {
  return a + b;
}

ATHANOR_INLINE vi first_lanes(size_t n) {
  vi lane;
  for (int i = 0; i < W; i++) lane[i] = i;
  return lane < static_cast<int32_t>(n);
}

size_t visible_keys(const ScoreStrip& t, size_t row) {
  const ptrdiff_t seen = t.visible + static_cast<ptrdiff_t>(row) * t.visible_step;
  return seen < 0 ? 0 : static_cast<size_t>(seen) < t.keys ? static_cast<size_t>(seen) : t.keys;
}

ATHANOR_INLINE size_t whole_vectors(size_t n) {
  return (n + W - 1) / W * W;
}

void clear(float* row, size_t begin, size_t end) {
  for (size_t j = begin; j < end; j += W) store(row + j, vf{});
}

// -inf for a row without elements or with nothing but -inf; NaN where all others are NaN.
float largest_of(const float* row, size_t n) {
  vf a = splat(-infinity), b = a;
  size_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    a = larger(load(row + j), a);
    b = larger(load(row + j + W), b);
  }
  for (; j + W <= n; j += W) a = larger(load(row + j), a);
  if (j < n) b = larger(select(first_lanes(n - j), load(row + j), splat(-infinity)), b);
  const float top = over_lanes(larger(a, b), larger);
  if (top != -infinity) return top;
  for (j = 0; j < n; j++) {
    if (row[j] != row[j]) return row[j];
  }
  return top;
}

// The row becomes exp(row - shift); returns the sum.
float exponentials(float* row, size_t n, float shift) {
  vf a{}, b{};
  size_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    const vf u = exponential_of_negative(load(row + j) - shift);
    const vf v = exponential_of_negative(load(row + j + W) - shift);
    store(row + j, u);
    store(row + j + W, v);
    a += u;
    b += v;
  }
  for (; j < n; j += W) {
    vf u = exponential_of_negative(load(row + j) - shift);
    if (n - j < W) u = keep(first_lanes(n - j), u);
    store(row + j, u);
    a += u;
  }
  return over_lanes(a + b, plus);
}

}  // namespace

void soften(const ScoreStrip& t, float* largest, float* total, float* row_keep, float* row_scale) {
  const size_t width = whole_vectors(t.keys);
  float now[most_strip_rows];
  for (size_t r = 0; r < t.rows; r++) {
    const float top = largest_of(t.s + r * t.stride, visible_keys(t, r));
    now[r] = top > largest[r] || top != top ? top : largest[r];
  }
  for (size_t r = 0; r < t.rows; r++) {
    float* row = t.s + r * t.stride;
    size_t n = visible_keys(t, r);
    if (now[r] == -infinity) n = 0;  // nothing seen so far: exp(-inf - -inf) would be NaN
    clear(row, whole_vectors(n), width);
    const bool same = largest[r] == now[r];
    const float before = total[r] * (same ? 1.0f : exponential_of_negative(splat(largest[r] - now[r]))[0]);
    const float sum = exponentials(row, n, now[r]) + before;
    largest[r] = now[r];
    total[r] = sum;
    row_scale[r] = sum == 0.0f ? 0.0f : 1.0f / sum;
    row_keep[r] = before * row_scale[r];
    if (t.p > 0.0f) dropout(row, row, n, t.p, t.seed, t.call, t.element + r * t.element_step);
  }
}

namespace {

// One row: scores become P; returns the sum of P dp. With `mask`, dp is multiplied by it.
template <bool masked>
ATHANOR_INLINE float probabilities(float* s, float* dp, const float* mask, size_t n, float lse) {
  const auto times_dp = [&](size_t j, vf p) {
    vf d = load(dp + j);
    if (masked) {
      d *= load(mask + j);
      store(dp + j, d);
    }
    return p * d;
  };
  vf a{}, b{};
  size_t j = 0;
  for (; j + 2 * W <= n; j += 2 * W) {
    const vf p = exponential_of_negative(load(s + j) - lse);
    const vf q = exponential_of_negative(load(s + j + W) - lse);
    store(s + j, p);
    store(s + j + W, q);
    if (dp == nullptr) continue;
    a += times_dp(j, p);
    b += times_dp(j + W, q);
  }
  for (; j < n; j += W) {
    const vi seen = first_lanes(n - j);
    const vf p = keep(seen, exponential_of_negative(load(s + j) - lse));
    store(s + j, p);
    if (dp != nullptr) a += keep(seen, times_dp(j, p));
  }
  return over_lanes(a + b, plus);
}

// y = f(x, y) over a row of n, in whole vectors, with 0 in the lanes beyond.
template <class F>
ATHANOR_INLINE void combine(float* y, const float* x, size_t n, const F& f) {
  size_t j = 0;
  for (; j + W <= n; j += W) store(y + j, f(load(x + j), load(y + j)));
  if (j < n) store(y + j, keep(first_lanes(n - j), f(load(x + j), load(y + j))));
}

}  // namespace

void differentiate(const ScoreStrip& t, float* dp, const float* lse, const float* delta, float* mask) {
  const size_t width = whole_vectors(t.keys);
  float* ones = mask + t.stride;
  if (t.p > 0.0f) fill(ones, 1.0f, t.keys);
  for (size_t r = 0; r < t.rows; r++) {
    float* s = t.s + r * t.stride;
    float* d = dp == nullptr ? nullptr : dp + r * t.stride;
    const size_t n = lse[r] == -infinity ? 0 : visible_keys(t, r), seen = whole_vectors(n);
    float inner;
    if (t.p > 0.0f) {
      dropout(mask, ones, n, t.p, t.seed, t.call, t.element + r * t.element_step);
      inner = probabilities<true>(s, d, mask, n, lse[r]);
    } else {
      inner = probabilities<false>(s, d, nullptr, n, lse[r]);
    }
    if (delta != nullptr) inner = delta[r];
    if (d != nullptr) {
      combine(d, s, n, [=](vf p, vf g) { return p * (g - inner); });
      clear(d, seen, width);
    }
    if (t.p > 0.0f) combine(s, mask, n, [](vf m, vf p) { return p * m; });
    clear(s, seen, width);
  }
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
