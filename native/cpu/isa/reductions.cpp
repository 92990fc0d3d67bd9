// Sums, maximum, and the row operations of softmax.
#include "cpu/isa/isa.h"
#include "cpu/isa/math.h"
#include "cpu/isa/reduce.h"

namespace athanor {
namespace ATHANOR_ISA {

float sum(const float* x, size_t n) {
  return static_cast<float>(sum_row(x, n));
}

float dot(const float* a, const float* b, size_t n) {
  return static_cast<float>(dot_row(a, b, n));
}

float maximum(const float* x, size_t n) {
  vf a = splat(-infinity), b = a;
  vi nan{};
  size_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    vf u = load(x + i), v = load(x + i + W);
    a = select(u > a, u, a);
    b = select(v > b, v, b);
    nan |= (u != u) | (v != v);
  }
  for (; i < n; i += W) {
    vf u = n - i >= W ? load(x + i) : load_part(x + i, n - i, -infinity);
    a = select(u > a, u, a);
    nan |= u != u;
  }
  a = select(b > a, b, a);
  // A NaN among the lanes makes their sum NaN.
  float spoilt = sum_lanes(select(nan, splat(__builtin_nanf("")), vf{}));
  float result = fold_lanes(a, [](auto u, auto v) { return u > v ? u : v; });
  return spoilt != spoilt ? spoilt : result;
}

// The square of a float is exact in double.
double sum_squares(const float* x, size_t n) {
  vd a{}, b{};
  size_t i = 0;
  for (; i + W <= n; i += W) {
    vd low = __builtin_convertvector(*reinterpret_cast<const vf_half_any*>(x + i), vd);
    vd high = __builtin_convertvector(*reinterpret_cast<const vf_half_any*>(x + i + W / 2), vd);
    a += low * low;
    b += high * high;
  }
  double total = sum_lanes(a + b);
  for (; i < n; i++) total += static_cast<double>(x[i]) * x[i];
  return total;
}

namespace {

// Calls keep(i, e, lanes) with the exponentials from element i on, and adds them up as sum_of() does.
template <class Keep>
ATHANOR_INLINE double sum_exponentials(const float* x, float shift, size_t n, const Keep& keep) {
  double total = 0;
  for (size_t i = 0; i < n;) {
    const size_t end = n - i < sum_block ? n : i + sum_block;
    vf sum[4] = {};
    for (; i + 4 * W <= end; i += 4 * W) {
      vf e[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) e[j] = load(x + i + j * W) - shift;
      exponentials(e);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        keep(i + j * W, e[j], W);
        sum[j] += e[j];
      }
    }
    for (; i < end; i += W) {
      const size_t lanes = end - i < W ? end - i : W;
      const vf e = exponential((lanes == W ? load(x + i) : load_part(x + i, lanes, -infinity)) - shift);
      keep(i, e, lanes);
      sum[0] += e;
    }
    i = end;
    total += sum_lanes_exactly((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  return total;
}

}  // namespace

float exp_sum(float* y, const float* x, float shift, size_t n) {
  const auto forget = [](size_t, vf, size_t) {};
  if (y == nullptr) return static_cast<float>(sum_exponentials(x, shift, n, forget));
  return static_cast<float>(sum_exponentials(x, shift, n, [=](size_t i, vf e, size_t lanes) {
    if (lanes == W) {
      store(y + i, e);
    } else {
      store_part(y + i, e, lanes);
    }
  }));
}

namespace {

// R rows of at most sum_block elements in step: one alone is a chain of maximum, exponential, sum and
// division in which every step waits for the one before. A NaN makes its row NaN through the sum.
template <int R>
ATHANOR_INLINE void softmax_in_step(float* y, const float* x, size_t n) {
  vf top[R], shift[R], even[R], odd[R];
#define ATHANOR_EACH _Pragma("GCC unroll 4") for (int r = 0; r < R; r++)
  ATHANOR_EACH top[r] = splat(-infinity);
  for_vectors(
      n, [&](size_t i) { ATHANOR_EACH top[r] = larger(load(x + r * n + i), top[r]); },
      [&](size_t i, size_t lanes) {
        ATHANOR_EACH top[r] = larger(load_part(x + r * n + i, lanes, -infinity), top[r]);
      });
  ATHANOR_EACH shift[r] = splat(fold_lanes(top[r], [](auto a, auto b) { return a > b ? a : b; }));
  ATHANOR_EACH even[r] = odd[r] = vf{};
  const auto add_at = [&](size_t i, vf(&sum)[R]) {
    vf e[R];
    ATHANOR_EACH e[r] = load(x + r * n + i) - shift[r];
    exponentials(e);
    ATHANOR_EACH store(y + r * n + i, e[r]);
    ATHANOR_EACH sum[r] += e[r];
  };
  size_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    add_at(i, even);
    add_at(i + W, odd);
  }
  if (i + W <= n) {
    add_at(i, even);
    i += W;
  }
  if (i < n) {
    vf e[R];
    ATHANOR_EACH e[r] = load_part(x + r * n + i, n - i, -infinity) - shift[r];
    exponentials(e);
    ATHANOR_EACH store_part(y + r * n + i, e[r], n - i);
    ATHANOR_EACH odd[r] += e[r];
  }
  ATHANOR_EACH {
    const float factor = 1.0f / static_cast<float>(sum_lanes_exactly(even[r] + odd[r]));
    map(y + r * n, y + r * n, n, [=](vf v) { return v * factor; });
  }
#undef ATHANOR_EACH
}

}  // namespace

void softmax(float* y, const float* x, size_t rows, size_t n) {
  size_t r = 0;
  if (n <= sum_block) {
    for (; r + 4 <= rows; r += 4) softmax_in_step<4>(y + r * n, x + r * n, n);
    for (; r < rows; r++) softmax_in_step<1>(y + r * n, x + r * n, n);
  }
  for (; r < rows; r++) {
    const float factor = 1.0f / exp_sum(y + r * n, x + r * n, maximum(x + r * n, n), n);
    map(y + r * n, y + r * n, n, [=](vf v) { return v * factor; });
  }
}

void softmax_backward(float* dx, const float* dy, const float* y, size_t n) {
  float inner = static_cast<float>(dot_row(dy, y, n));
  map(dx, dy, y, n, [=](vf d, vf v) { return v * (d - inner); });
}

void log_softmax_backward(float* dx, const float* dy, const float* y, size_t n) {
  float total = static_cast<float>(sum_row(dy, n));
  map(dx, dy, y, n, [=](vf d, vf v) { return d - exponential(v) * total; });
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
