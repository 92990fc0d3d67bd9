// Sums over a row. Floats are added in lanes for at most 2048 elements, and lanes and those partial sums in
// double: the error does not grow with the length of the row, and one large element is rounded few times.
#pragma once

#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr size_t sum_block = 2048;  // elements added in float

ATHANOR_INLINE double sum_lanes_exactly(vf v) {
  vf_half low = __builtin_shufflevector(v, v, ATHANOR_LOW_LANES);
  vf_half high = __builtin_shufflevector(v, v, ATHANOR_HIGH_LANES);
  return sum_lanes(__builtin_convertvector(low, vd) + __builtin_convertvector(high, vd));
}

// The sum of term(i) over vectors and part(i, lanes), which must be 0 in the lanes beyond.
template <class Term, class Part>
ATHANOR_INLINE double sum_of(size_t n, const Term& term, const Part& part) {
  double total = 0;
  size_t i = 0;
  do {
    size_t end = n - i < sum_block ? n : i + sum_block;
    vf a{}, b{}, c{}, d{};
    for (; i + 4 * W <= end; i += 4 * W) {
      a += term(i);
      b += term(i + W);
      c += term(i + 2 * W);
      d += term(i + 3 * W);
    }
    for (; i + W <= end; i += W) a += term(i);
    if (i < end) b += part(i, end - i);
    i = end;
    total += sum_lanes_exactly((a + b) + (c + d));
  } while (i < n);
  return total;
}

struct Pair {
  vf first, second;
};
struct Sums {
  double first, second;
};

// Two sums in one pass: term(i) and part(i, lanes) give a Pair.
template <class Term, class Part>
ATHANOR_INLINE Sums two_sums_of(size_t n, const Term& term, const Part& part) {
  constexpr size_t block = 1024;
  Sums total{0, 0};
  for (size_t i = 0; i < n;) {
    size_t end = n - i < block ? n : i + block;
    vf a{}, b{}, c{}, d{};
    for (; i + 2 * W <= end; i += 2 * W) {
      Pair even = term(i), odd = term(i + W);
      a += even.first;
      b += odd.first;
      c += even.second;
      d += odd.second;
    }
    if (i + W <= end) {
      Pair whole = term(i);
      a += whole.first;
      c += whole.second;
      i += W;
    }
    if (i < end) {
      Pair rest = part(i, end - i);
      b += rest.first;
      d += rest.second;
    }
    i = end;
    total.first += sum_lanes_exactly(a + b);
    total.second += sum_lanes_exactly(c + d);
  }
  return total;
}

ATHANOR_INLINE double sum_row(const float* x, size_t n) {
  return sum_of(
      n, [&](size_t i) { return load(x + i); },
      [&](size_t i, size_t lanes) { return load_part(x + i, lanes); });
}

ATHANOR_INLINE double dot_row(const float* a, const float* b, size_t n) {
  return sum_of(
      n, [&](size_t i) { return load(a + i) * load(b + i); },
      [&](size_t i, size_t lanes) { return load_part(a + i, lanes) * load_part(b + i, lanes); });
}

}  // namespace
}  // namespace ATHANOR_ISA
}  // namespace athanor
