// Elementary functions of a vector. Every one returns NaN for NaN. Polynomials are minimax fits (Remez, in 40
// digits) of the function named; errors are listed in docs/numerics.md.
#pragma once

#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr float infinity = __builtin_inff();

// c[0] + c[1] x + ... by Horner's rule.
template <int N>
ATHANOR_INLINE vf polynomial(vf x, const float (&c)[N]) {
  vf p = splat(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; i--) p = p * x + c[i];
  return p;
}

// x = n ln2 + r with |r| <= ln2 / 2.
struct Reduced {
  vf r;
  vu n;  // in the low bits; shifted left by 23 it adds to the exponent of a float
};

constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: an integer added to it ends up in the low bits
// ln2 in two parts; an n of 8 bits times the first is exact.
constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860682e-6f;

ATHANOR_INLINE Reduced reduce_by_ln2(vf x) {
  vf shifted = x * 1.44269504f + round_to_integer;
  vf n = shifted - round_to_integer;
  vf r = x - n * ln2_high;
  return {r - n * ln2_low, as_bits(shifted)};
}

// exp(r) = 1 + r + r^2 (c[0] + c[1] r + ...) for |r| <= ln2 / 2.
constexpr float exp_coefficients[] = {0.4999999345f, 0.1666652063f, 0.04166838805f, 0.00836871688f,
                                      0.001381459865f};

// exp(r) - 1 for |r| <= ln2 / 2.
ATHANOR_INLINE vf expm1_reduced(vf r) {
  return polynomial(r, exp_coefficients) * (r * r) + r;
}

// exp(x) = 2^n (sum + missed + r^2 (1/2 + ...)) with r = x - n ln2, sum = 1 + r rounded, and what that
// rounded away.
struct Unrounded {
  vf r, sum, missed;
  vu n;  // as in Reduced
};

ATHANOR_INLINE Unrounded reduce_unrounded(vf x) {
  vf shifted = x * 1.44269504f + round_to_integer;
  vf n = shifted - round_to_integer;
  vf high = x - n * ln2_high, low = n * ln2_low;
  vf sum = high + 1.0f;
  return {high - low, sum, high - (sum - 1.0f) - low, as_bits(shifted)};
}

// p 2^n: 0 where that is below the least normal number (x < -87.3365), infinity where it overflows.
ATHANOR_INLINE vf scaled_by_power(vf p, vu n, vf x) {
  vf y = as_float(as_bits(p) + (n << 23));
  y = select(x <= 88.7228317f, y, x * infinity);
  return select(x < -87.3365402f, vf{}, y);
}

// 0.6 units in the last place: what 1 + r rounds away is carried along.
ATHANOR_INLINE vf exponential(vf x) {
  Unrounded u = reduce_unrounded(x);
  return scaled_by_power(u.sum + (polynomial(u.r, exp_coefficients) * (u.r * u.r) + u.missed), u.n, x);
}

// exponential of N vectors in step, with the same bits: the chain of dependent operations of one vector is so
// long that a processor looks ahead too few vectors to fill it.
template <int N>
ATHANOR_INLINE void exponentials(vf (&x)[N]) {
  Unrounded u[N];
  vf square[N], p[N];
#define ATHANOR_EACH _Pragma("GCC unroll 8") for (int i = 0; i < N; i++)
  ATHANOR_EACH u[i] = reduce_unrounded(x[i]);
  ATHANOR_EACH square[i] = u[i].r * u[i].r;
  ATHANOR_EACH p[i] = splat(exp_coefficients[4]);
#pragma GCC unroll 4
  for (int k = 3; k >= 0; k--) {
    ATHANOR_EACH p[i] = p[i] * u[i].r + exp_coefficients[k];
  }
  ATHANOR_EACH p[i] = u[i].sum + (p[i] * square[i] + u[i].missed);
  ATHANOR_EACH x[i] = scaled_by_power(p[i], u[i].n, x[i]);
#undef ATHANOR_EACH
}

// 0.51 units: so is what the sum of the other terms rounds away. Twice the work of the least exact one here.
ATHANOR_INLINE vf precise_exponential(vf x) {
  constexpr float c[] = {0.166666668f, 0.0416664646f, 0.00833328593f, 0.00139336881f, 1.99076403e-4f};
  Unrounded u = reduce_unrounded(x);
  vf cubic = (u.r * polynomial(u.r, c)) * (u.r * u.r) + u.missed;
  vf half = 0.5f * u.r;
  vf terms = half * u.r + cubic;
  vf missed = (half * u.r - terms) + cubic;
  vf p = u.sum + terms;
  return scaled_by_power(p + ((u.sum - p) + terms + missed), u.n, x);
}

// exp(x) for x <= 0 or NaN to 0.9 units, in fewer steps: for scores and gates, whose sums and products round
// as much.
ATHANOR_INLINE vf exponential_of_negative(vf x) {
  x = at_least(x, -88.0f);
  Reduced part = reduce_by_ln2(x);
  vf p = expm1_reduced(part.r) + 1.0f;
  vf y = as_float(as_bits(p) + (part.n << 23));
  return select(x >= -87.3365402f, y, x - x);  // 0, or NaN
}

// exponential_of_negative of N vectors in step, with the same bits.
template <int N>
ATHANOR_INLINE void exponentials_of_negative(vf (&x)[N]) {
  Reduced part[N];
  vf square[N], p[N], y[N];
#define ATHANOR_EACH _Pragma("GCC unroll 8") for (int i = 0; i < N; i++)
  ATHANOR_EACH part[i] = reduce_by_ln2(x[i]);
  ATHANOR_EACH square[i] = part[i].r * part[i].r;
  ATHANOR_EACH p[i] = splat(exp_coefficients[4]);
#pragma GCC unroll 4
  for (int k = 3; k >= 0; k--) {
    ATHANOR_EACH p[i] = p[i] * part[i].r + exp_coefficients[k];
  }
  ATHANOR_EACH p[i] = p[i] * square[i] + part[i].r;
  ATHANOR_EACH p[i] += 1.0f;
  ATHANOR_EACH y[i] = as_float(as_bits(p[i]) + (part[i].n << 23));
  ATHANOR_EACH x[i] = select(x[i] >= -87.3365402f, y[i], larger(vf{}, x[i]));  // 0, or NaN
#undef ATHANOR_EACH
}

// log x = log(1 + f) + e ln2 with 1 + f in [sqrt(1/2), sqrt(2)).
ATHANOR_INLINE vf logarithm(vf x) {
  constexpr float c[] = {0.333333126f,   -0.250000096f, 0.2000211864f,  -0.166679959f, 0.1421955273f,
                         -0.1240558824f, 0.1188815885f, -0.1167565457f, 0.06746651523f};
  vi tiny = x < 1.17549435e-38f;
  vu bits = as_bits(select(tiny, x * 8388608.0f, x));
  vi e = reinterpret_cast<vi>(bits - 0x3f3504f3u) >> 23;
  vf f = as_float(bits - (reinterpret_cast<vu>(e) << 23)) - 1.0f;
  vf exponent = __builtin_convertvector(e, vf) - keep(tiny, splat(23.0f));
  vf square = f * f;
  vf y = polynomial(f, c) * (square * f) + exponent * -2.12194440e-4f;
  y = f + (y - 0.5f * square) + exponent * 0.693359375f;
  y = select(x < infinity, y, x);  // infinity and NaN
  y = select(x == 0.0f, splat(-infinity), y);
  return select(x < 0.0f, splat(__builtin_nanf("")), y);
}

// exp(x) = scale (1 + rest) with |rest| < 1/2, for |x| < 700, to 3e-10.
struct Exponential {
  vd scale, rest;
};

ATHANOR_INLINE Exponential exponential_parts(vd x) {
  constexpr double c[] = {0.500000001350217875,   0.166666667566884212,   0.0416664645753682484,
                          0.00833328592720031347, 0.00139336880809605508, 0.000199076403458314551};
  constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  vd shifted = x * 1.4426950408889634 + round;
  vd r = x - (shifted - round) * 0.6931471805599453;
  vd p = c[5] - vd{};
#pragma GCC unroll 8
  for (int i = 4; i >= 0; i--) p = p * r + c[i];
  const vu64 exponent = (reinterpret_cast<vu64>(shifted) << 52) + 0x3ff0000000000000u;
  return {reinterpret_cast<vd>(exponent), p * (r * r) + r};
}

// -2|x|, where exp of it, in float, is not 0.
ATHANOR_INLINE vf tangent_argument(vf x) {
  return at_least(-2.0f * absolute(x), -110.0f);
}

// -t / (2 + t) with t = exp(-2|x|) - 1, which keeps full precision at both ends.
ATHANOR_INLINE vf hyperbolic_tangent(vf x) {
  vf y = in_double(tangent_argument(x), [](vd v) {
    Exponential e = exponential_parts(v);
    vd t = e.scale * e.rest + (e.scale - 1.0);
    return t / (t + 2.0);
  });
  vu sign = as_bits(x) & 0x80000000u;
  return as_float((as_bits(y) & 0x7fffffffu) | sign);
}

// 4 e / (1 + e)^2 with e = exp(-2|x|), which does not cancel as 1 - tanh^2 does.
ATHANOR_INLINE vf hyperbolic_tangent_slope(vf x) {
  return in_double(tangent_argument(x), [](vd v) {
    Exponential parts = exponential_parts(v);
    vd e = parts.scale * parts.rest + parts.scale;
    vd sum = e + 1.0;
    return 4.0 * e / (sum * sum);
  });
}

// s = 1 / (1 + exp(-x)), its derivative s (1 - s), and the lesser of s and 1 - s, without cancellation on
// either side.
struct Sigmoid {
  vf value, slope, low;
};

ATHANOR_INLINE Sigmoid sigmoid(vf x) {
  vf e = exponential_of_negative(-absolute(x));
  vf r = 1.0f / (1.0f + e);
  vf low = e * r;
  return {select(x < 0.0f, low, r), low * r, low};
}

// x s, with s the sigmoid of a number of x's sign: max(x, 0) - |x| low, which rounds a large x once. An
// infinite x must not meet a low of 0.
ATHANOR_INLINE vf times_sigmoid(vf x, const Sigmoid& s) {
  constexpr float largest = 3.40282347e38f;
  vf negative = larger(as_float(as_bits(x) | 0x80000000u), splat(-largest));
  return negative * s.low + larger(vf{}, x);
}

// The distribution function of the normal law: 1/2 + x P(x^2), exactly 0 or 1 beyond |x| = 5.2.
ATHANOR_INLINE vf normal_distribution(vf x) {
  constexpr float c[] = {0.13594998f,   -0.067743778f,  0.050026003f,  -0.039926358f,  0.031964559f,
                         -0.024754407f, 0.018116940f,   -0.012389144f, 0.0080693103f,  -0.0049997861f,
                         0.0025594577f, -0.0010388161f, 6.8750541e-4f, -5.4188486e-4f, 1.7424391e-4f};
  vf t = x * x * (2.0f / 27.04f) - 1.0f;  // in [-1, 1]: the polynomial is then well conditioned
  vf y = polynomial(t, c) * x + 0.5f;
  y = select(x < -5.2f, vf{}, y);
  return select(x > 5.2f, splat(1.0f), y);
}

ATHANOR_INLINE vf normal_density(vf x) {
  return exponential_of_negative(-0.5f * (x * x)) * 0.398942280f;
}

}  // namespace
}  // namespace ATHANOR_ISA
}  // namespace athanor
