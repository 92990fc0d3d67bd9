// One row of layer normalisation or of root-mean-square normalisation (the same without a mean), forward and
// backward. The row stays in cache between the passes.
#include "cpu/isa/isa.h"
#include "cpu/isa/reduce.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

// What of(v) gives, summed over a row; lanes beyond the end hold `rest`, for which of() must be 0.
template <class F>
ATHANOR_INLINE double sum_over(const float* s, size_t n, float rest, const F& of) {
  return sum_of(
      n, [&](size_t i) { return of(load(s + i)); },
      [&](size_t i, size_t lanes) { return of(load_part(s + i, lanes, rest)); });
}

// s = x + residual, to `both`; returns the sum of of(s), where of(0) is 0.
template <class F>
ATHANOR_INLINE double add_and_sum(float* both, const float* x, const float* residual, size_t n, const F& of) {
  return sum_of(
      n,
      [&](size_t i) {
        vf v = load(x + i) + load(residual + i);
        store(both + i, v);
        return of(v);
      },
      [&](size_t i, size_t lanes) {
        vf v = load_part(x + i, lanes) + load_part(residual + i, lanes);
        store_part(both + i, v, lanes);
        return of(v);
      });
}

// The row to normalise, and a sum over it.
struct Row {
  const float* s;
  double total;
};

// `sum` receives s where it is wanted. With a residual s must be stored somewhere: y will do until it is
// written.
template <class F>
ATHANOR_INLINE Row row_of(float* y, float* sum, const float* x, const float* residual, size_t n,
                          const F& of) {
  if (residual != nullptr) {
    float* both = sum != nullptr ? sum : y;
    double total = add_and_sum(both, x, residual, n, of);
    return {both, total};
  }
  if (sum != nullptr && sum != x) memcpy(sum, x, n * sizeof(float));
  return {x, sum_over(x, n, 0.0f, of)};
}

// In double: three roundings in float would double the error of a whole row.
float spread_of(double squares, size_t n, float eps) {
  double mean = squares / static_cast<double>(n);
  return static_cast<float>(1.0 / __builtin_sqrt(mean + static_cast<double>(eps)));
}

// The gradient of y = v weight, v = (s - mean) rstd, of one row. With `centered`, mean depends on s too.
template <bool centered>
ATHANOR_INLINE void backward(float* dx, float* dweight, float* dbias, const float* dy, const float* s,
                             const float* weight, size_t n, float mean, float rstd) {
  auto normal = [&](size_t i) { return (load(s + i) - mean) * rstd; };
  auto normal_part = [&](size_t i, size_t lanes) { return (load_part(s + i, lanes, mean) - mean) * rstd; };

  // The sums of d = dy weight and of d v, in one pass.
  Sums sums = two_sums_of(
      n,
      [&](size_t i) {
        vf d = load(dy + i) * load(weight + i);
        return Pair{d, d * normal(i)};
      },
      [&](size_t i, size_t lanes) {
        vf d = load_part(dy + i, lanes) * load_part(weight + i, lanes);
        return Pair{d, d * normal_part(i, lanes)};
      });
  double count = static_cast<double>(n);
  float first = centered ? static_cast<float>(sums.first / count) : 0.0f;
  float second = static_cast<float>(sums.second / count);
  for_vectors(
      n,
      [&](size_t i) {
        vf d = load(dy + i), v = normal(i);
        if (dweight != nullptr) store(dweight + i, load(dweight + i) + d * v);
        if (dbias != nullptr) store(dbias + i, load(dbias + i) + d);
        store(dx + i, (d * load(weight + i) - first - v * second) * rstd);
      },
      [&](size_t i, size_t lanes) {
        vf d = load_part(dy + i, lanes), v = normal_part(i, lanes);
        if (dweight != nullptr) store_part(dweight + i, load_part(dweight + i, lanes) + d * v, lanes);
        if (dbias != nullptr) store_part(dbias + i, load_part(dbias + i, lanes) + d, lanes);
        store_part(dx + i, (d * load_part(weight + i, lanes) - first - v * second) * rstd, lanes);
      });
}

}  // namespace

void layer_norm(float* y, float* sum, const float* x, const float* residual, const float* weight,
                const float* bias, size_t n, float eps, float* mean, float* rstd) {
  if (n == 0) return;
  Row row = row_of(y, sum, x, residual, n, [](vf v) { return v; });
  const float* s = row.s;
  double count = static_cast<double>(n);
  float center = static_cast<float>(row.total / count);
  // The first sum is rounded at the size of the values; what the differences from it sum to, at the size of
  // the spread. A row far from 0 keeps its digits that way.
  Sums sums = two_sums_of(
      n,
      [&](size_t i) {
        vf d = load(s + i) - center;
        return Pair{d, d * d};
      },
      [&](size_t i, size_t lanes) {
        vf d = load_part(s + i, lanes, center) - center;
        return Pair{d, d * d};
      });
  double missed = sums.first / count;
  float rest = static_cast<float>(missed);
  float spread = spread_of(sums.second - sums.first * missed, n, eps);
  *mean = center + rest;
  *rstd = spread;
  // Off a product: one rounding less. A row near 0 is spared the rounding of s - center too: there center
  // times spread is as good as exact at the size of y.
  double shift_exactly = missed * static_cast<double>(spread);
  if (__builtin_fabsf(center) * spread < 1.0f) {
    shift_exactly += static_cast<double>(center) * static_cast<double>(spread);
    center = 0.0f;
  }
  float shift = static_cast<float>(shift_exactly);
  if (bias == nullptr) {
    map(y, s, weight, n, [=](vf v, vf w) { return ((v - center) * spread - shift) * w; });
  } else {
    for_vectors(
        n,
        [&](size_t i) {
          vf v = (load(s + i) - center) * spread - shift;
          store(y + i, v * load(weight + i) + load(bias + i));
        },
        [&](size_t i, size_t lanes) {
          vf v = (load_part(s + i, lanes) - center) * spread - shift;
          store_part(y + i, v * load_part(weight + i, lanes) + load_part(bias + i, lanes), lanes);
        });
  }
}

void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* s,
                         const float* weight, size_t n, float mean, float rstd) {
  backward<true>(dx, dweight, dbias, dy, s, weight, n, mean, rstd);
}

void rms_norm(float* y, float* sum, const float* x, const float* residual, const float* weight, size_t n,
              float eps, float* rstd) {
  if (n == 0) return;
  Row row = row_of(y, sum, x, residual, n, [](vf v) { return v * v; });
  float spread = spread_of(row.total, n, eps);
  map(y, row.s, weight, n, [=](vf v, vf w) { return v * spread * w; });
  *rstd = spread;
}

void rms_norm_backward(float* dx, float* dweight, const float* dy, const float* s, const float* weight,
                       size_t n, float rstd) {
  backward<false>(dx, dweight, nullptr, dy, s, weight, n, 0.0f, rstd);
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
