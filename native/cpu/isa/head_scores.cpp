// What attention does to a strip of scores between its products. Rows are padded to whole vectors, so that
// all loads and stores are whole; lanes that a row does not see are masked in its last vector and zeroed
// beyond.
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

// Rows [first, first + N) of a strip, which are worked on in step.
template <int N>
struct Group {
  Group(const ScoreStrip& t, size_t first_row)
      : first(first_row), stride(t.stride), width(whole_vectors(t.keys)), s(t.s + first_row * t.stride) {
    whole = width;
#pragma GCC unroll 4
    for (int i = 0; i < N; i++) see(i, visible_keys(t, first + static_cast<size_t>(i)));
  }

  void see(int i, size_t keys) {
    seen[i] = keys;
    if (keys < whole) whole = keys / W * W;
  }

  float* row(int i) const {
    return s + static_cast<size_t>(i) * stride;
  }

  // Which lanes from column j on row i sees.
  vi lanes(int i, size_t j) const {
    return first_lanes(seen[i] > j ? seen[i] - j : 0);
  }

  size_t first, stride;
  size_t width;    // of the rows, whole vectors
  size_t whole;    // up to here every row sees every lane
  size_t seen[N];  // by each row
  float* s;
};

// Calls body(group) for the rows in even groups of at most most_group_rows.
template <class Body>
ATHANOR_INLINE void for_groups(const ScoreStrip& t, const Body& body) {
  static_assert(most_group_rows == 4, "one case each");
  const size_t groups = (t.rows + most_group_rows - 1) / most_group_rows;
  for (size_t g = 0; g < groups; g++) {
    const size_t first = g * t.rows / groups;
    switch ((g + 1) * t.rows / groups - first) {
      case 1: body(Group<1>(t, first)); break;
      case 2: body(Group<2>(t, first)); break;
      case 3: body(Group<3>(t, first)); break;
      default: body(Group<4>(t, first));
    }
  }
}

// NaN if a row of n holds one, else -inf.
float nan_or_lowest(const float* row, size_t n) {
  for (size_t j = 0; j < n; j++) {
    if (row[j] != row[j]) return row[j];
  }
  return -infinity;
}

// -inf for a row that sees nothing or nothing but -inf; NaN where all others are NaN.
template <int N>
ATHANOR_INLINE void largest_of(const Group<N>& g, float (&top)[N]) {
  vf a[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) a[i] = splat(-infinity);
  size_t j = 0;
  for (; j < g.whole; j += W) {
#pragma GCC unroll 4
    for (int i = 0; i < N; i++) a[i] = larger(load(g.row(i) + j), a[i]);
  }
  for (; j < g.width; j += W) {
#pragma GCC unroll 4
    for (int i = 0; i < N; i++) {
      a[i] = larger(select(g.lanes(i, j), load(g.row(i) + j), splat(-infinity)), a[i]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
    top[i] = over_lanes(a[i], larger);
    if (top[i] == -infinity) top[i] = nan_or_lowest(g.row(i), g.seen[i]);
  }
}

// What exponentials() sums beside the exponentials e that it stores.
enum class Weight { none, dp, dp_mask };

// One vector of each row: exp(row - shift), 0 in the lanes that a row does not see; added to `sum`, and times
// the weight to `weighted`.
template <Weight kind, bool whole, int N>
ATHANOR_INLINE void exponentials_at(const Group<N>& g, size_t j, const vf (&shift)[N], const float* dp,
                                    const float* mask, vf (&sum)[N], vf (&weighted)[N]) {
  vf x[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) x[i] = load(g.row(i) + j) - shift[i];
  exponentials_of_negative(x);
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
    if (!whole) x[i] = keep(g.lanes(i, j), x[i]);
    store(g.row(i) + j, x[i]);
    sum[i] += x[i];
    if (kind == Weight::none) continue;
    const size_t at = static_cast<size_t>(i) * g.stride + j;
    vf weight = load(dp + at);
    if (kind == Weight::dp_mask) weight *= load(mask + at);
    weighted[i] += x[i] * (whole ? weight : keep(g.lanes(i, j), weight));
  }
}

// Rows become exp(row - shift); `sums` and `weighted_sums` receive one per row. dp and mask lie as the
// group's rows do.
template <Weight kind, int N>
ATHANOR_INLINE void exponentials(const Group<N>& g, const float* shift, const float* dp, const float* mask,
                                 float (&sums)[N], float (&weighted_sums)[N]) {
  vf shifts[N], sum[N], weighted[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
    shifts[i] = splat(shift[i]);
    sum[i] = vf{};
    weighted[i] = vf{};
  }
  size_t j = 0;
  for (; j < g.whole; j += W) exponentials_at<kind, true>(g, j, shifts, dp, mask, sum, weighted);
  for (; j < g.width; j += W) exponentials_at<kind, false>(g, j, shifts, dp, mask, sum, weighted);
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
    sums[i] = over_lanes(sum[i], plus);
    weighted_sums[i] = over_lanes(weighted[i], plus);
  }
}

// Softmax of a group; the other pointers are at its first row.
template <int N>
void soften_rows(const ScoreStrip& t, Group<N> g, float* largest, float* total, float* row_keep,
                 float* row_scale) {
  float now[N];
  largest_of(g, now);
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
    if (now[i] <= largest[i]) now[i] = largest[i];
    if (now[i] == -infinity) g.see(i, 0);  // nothing so far: exp(-inf - -inf) would be NaN
  }
  float sum[N], none[N];
  exponentials<Weight::none>(g, now, nullptr, nullptr, sum, none);
  for (int i = 0; i < N; i++) {
    float before = total[i];
    if (before != 0.0f && largest[i] != now[i]) {
      before *= exponential_of_negative(splat(largest[i] - now[i]))[0];
    }
    largest[i] = now[i];
    total[i] = before + sum[i];
    row_scale[i] = total[i] == 0.0f ? 0.0f : 1.0f / total[i];
    row_keep[i] = before * row_scale[i];
    if (t.p > 0.0f) {
      const uint64_t element = t.element + (g.first + static_cast<size_t>(i)) * t.element_step;
      dropout(g.row(i), g.row(i), g.seen[i], t.p, t.seed, t.call, element);
    }
  }
}

// What a row of exponentials e and dp becomes: P m = factor e m and dS = factor e (dp m - inner), 0 in the
// lanes that the row does not see. dp may be null.
template <bool dropping, int N>
ATHANOR_INLINE void finish_row(const Group<N>& g, int i, float* dp, const float* mask, float factor,
                               float inner) {
  float* s = g.row(i);
  for (size_t j = 0; j < g.width; j += W) {
    const bool whole = j < g.whole;
    const vf p = load(s + j) * factor;
    const vf m = dropping ? load(mask + j) : splat(1.0f);
    if (dp != nullptr) {
      const vf d = load(dp + j);
      const vf ds = p * ((dropping ? d * m : d) - inner);
      store(dp + j, whole ? ds : keep(g.lanes(i, j), ds));
    }
    const vf kept = dropping ? p * m : p;
    store(s + j, whole ? kept : keep(g.lanes(i, j), kept));
  }
}

// P m and dS of a group; dp, lse and delta are at its first row, delta is not used where the strip is
// `whole`. `dropping`: with dropout, whose masks are the rows of `mask`.
template <bool dropping, int N>
void differentiate_rows(const Group<N>& g, bool whole, float* dp, const float* lse, const float* delta,
                        const float* mask) {
  float sum[N], inner[N];
  if (dp == nullptr) {
    exponentials<Weight::none>(g, lse, nullptr, nullptr, sum, inner);
  } else {
    exponentials<dropping ? Weight::dp_mask : Weight::dp>(g, lse, dp, mask, sum, inner);
  }
  for (int i = 0; i < N; i++) {
    const size_t at = static_cast<size_t>(i) * g.stride;
    const float factor = whole && sum[i] != 0.0f ? 1.0f / sum[i] : 1.0f;
    const float shift = whole || delta == nullptr ? inner[i] * factor : delta[i];
    finish_row<dropping>(g, i, dp == nullptr ? nullptr : dp + at, mask + at, factor, shift);
  }
}

}  // namespace

void soften(const ScoreStrip& t, float* largest, float* total, float* row_keep, float* row_scale) {
  for_groups(t, [&](const auto& g) {
    soften_rows(t, g, largest + g.first, total + g.first, row_keep + g.first, row_scale + g.first);
  });
}

void differentiate(const ScoreStrip& t, float* dp, const float* lse, const float* delta, float* mask) {
  float* ones = mask + most_group_rows * t.stride;
  if (t.p > 0.0f) fill(ones, 1.0f, t.keys);
  for_groups(t, [&](auto g) {
    const size_t rows = sizeof g.seen / sizeof g.seen[0];
    for (size_t i = 0; i < rows; i++) {
      const size_t row = g.first + i;
      if (lse[row] == -infinity) g.see(static_cast<int>(i), 0);
      if (t.p > 0.0f) {
        dropout(mask + i * t.stride, ones, g.seen[i], t.p, t.seed, t.call, t.element + row * t.element_step);
      }
    }
    float* d = dp == nullptr ? nullptr : dp + g.first * t.stride;
    const float* inner = delta == nullptr ? nullptr : delta + g.first;
    if (t.p > 0.0f) {
      differentiate_rows<true>(g, t.whole, d, lse + g.first, inner, mask);
    } else {
      differentiate_rows<false>(g, t.whole, d, lse + g.first, inner, mask);
    }
  });
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
