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

float exp_sum(float* y, const float* x, float shift, size_t n) {
  if (y == nullptr) {
    return static_cast<float>(sum_of(
        n, [&](size_t i) { return exponential(load(x + i) - shift); },
        [&](size_t i, size_t lanes) { return exponential(load_part(x + i, lanes, -infinity) - shift); }));
  }
  return static_cast<float>(sum_of(
      n,
      [&](size_t i) {
        vf e = exponential(load(x + i) - shift);
        store(y + i, e);
        return e;
      },
      [&](size_t i, size_t lanes) {
        vf e = exponential(load_part(x + i, lanes, -infinity) - shift);
        store_part(y + i, e, lanes);
        return e;
      }));
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
