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

ATHANOR_INLINE Reduced reduce_by_ln2(vf x) {
  constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the integer ends up in the low bits
  vf shifted = x * 1.44269504f + round_to_integer;
  vf n = shifted - round_to_integer;
  vf r = x - n * 0.693359375f;  // ln2 in two parts; n times the first is exact
  return {r - n * -2.12194440e-4f, as_bits(shifted)};
}

// exp(r) = 1 + r + r^2 (c[0] + c[1] r + ...) for |r| <= ln2 / 2.
constexpr float exp_coefficients[] = {0.4999999345f, 0.1666652063f, 0.04166838805f, 0.00836871688f,
                                      0.001381459865f};

// exp(r) - 1 for |r| <= ln2 / 2.
ATHANOR_INLINE vf expm1_reduced(vf r) {
  return polynomial(r, exp_coefficients) * (r * r) + r;
}

// 0 where the result is below the least normal number (x < -87.3365), infinity where it overflows.
ATHANOR_INLINE vf exponential(vf x) {
  Reduced part = reduce_by_ln2(x);
  vf p = expm1_reduced(part.r) + 1.0f;
  vf y = as_float(as_bits(p) + (part.n << 23));
  y = select(x <= 88.7228317f, y, x * infinity);
  return select(x < -87.3365402f, vf{}, y);
}

// The same for x <= 0 or NaN, one step shorter.
ATHANOR_INLINE vf exponential_of_negative(vf x) {
  x = at_least(x, -88.0f);
  Reduced part = reduce_by_ln2(x);
  vf p = expm1_reduced(part.r) + 1.0f;
  vf y = as_float(as_bits(p) + (part.n << 23));
  return select(x >= -87.3365402f, y, x - x);  // 0, or NaN
}

// exponential_of_negative of N vectors in step, with the same bits: the chain of dependent operations of one
// vector is so long that a processor looks ahead too few vectors to fill it.
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

// -t / (2 + t) with t = exp(-2|x|) - 1, which keeps full precision at both ends.
ATHANOR_INLINE vf hyperbolic_tangent(vf x) {
  Reduced part = reduce_by_ln2(at_least(-2.0f * absolute(x), -40.0f));
  vf power = as_float((part.n << 23) + 0x3f800000u);
  vf t = power * expm1_reduced(part.r) + (power - 1.0f);
  vf y = t / (t + 2.0f);
  vu sign = as_bits(x) & 0x80000000u;
  return as_float((as_bits(y) & 0x7fffffffu) | sign);
}

// s = 1 / (1 + exp(-x)) and its derivative s (1 - s), without cancellation on either side.
struct Sigmoid {
  vf value, slope;
};

ATHANOR_INLINE Sigmoid sigmoid(vf x) {
  vf e = exponential_of_negative(-absolute(x));
  vf r = 1.0f / (1.0f + e);
  vf low = e * r;
  return {select(x < 0.0f, low, r), low * r};
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
