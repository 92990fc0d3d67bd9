// The product of a few rows with a matrix stored by output, as dot products: B streams from memory once and
// is not packed. A block of R rows and Q columns has at most W sums, which one transposition reduces
// together.
#include "cpu/isa/isa.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {

void dots(const Dots& d);

namespace {

template <int R, int Q>
void dot_block(const Dots& d, size_t row, size_t column) {
  const float* a = d.a + row * d.lda;
  const float* b = d.b + column * d.ldb;
  vf sum[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) sum[i] = vf{};
  size_t k = 0;
  for (; k + W <= d.k; k += W) {
    vf x[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) x[r] = load(a + r * d.lda + k);
#pragma GCC unroll 16
    for (int q = 0; q < Q; q++) {
      vf weight = load(b + q * d.ldb + k);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) sum[r * Q + q] += x[r] * weight;
    }
  }
  if (k < d.k) {
    size_t lanes = d.k - k;
#pragma GCC unroll 16
    for (int q = 0; q < Q; q++) {
      vf weight = load_part(b + q * d.ldb + k, lanes);
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) sum[r * Q + q] += load_part(a + r * d.lda + k, lanes) * weight;
    }
  }
  transpose(sum);
  vf total = sum[0];
#pragma GCC unroll 16
  for (int i = 1; i < W; i++) total += sum[i];
  float product[W];
  store(product, total * d.scale);
  for (int r = 0; r < R; r++) {
    float* c = d.c + (row + r) * d.ldc + column;
    for (int q = 0; q < Q; q++) {
      float value = product[r * Q + q];
      if (d.add) value += c[q];
      if (d.bias != nullptr) value += d.bias[column + q];
      c[q] = value;
    }
  }
}

constexpr int most_rows = W == 16 ? 4 : 2;

template <int Q>
void dot_rows(const Dots& d, size_t column) {
  size_t row = 0;
  for (; row + most_rows <= d.m; row += most_rows) dot_block<most_rows, Q>(d, row, column);
  for (; row < d.m; row++) dot_block<1, Q>(d, row, column);
}

}  // namespace

void dots(const Dots& d) {
  constexpr int most_columns = W / most_rows;
  size_t column = 0;
  if (d.m < most_rows) {
    // Too few rows to fill the sums: more columns at once, at most 8 streams of memory.
    constexpr int wide = W < 8 ? W : 8;
    for (; column + wide <= d.n; column += wide) {
      for (size_t row = 0; row < d.m; row++) dot_block<1, wide>(d, row, column);
    }
  }
  for (; column + most_columns <= d.n; column += most_columns) dot_rows<most_columns>(d, column);
  for (; column < d.n; column++) dot_rows<1>(d, column);
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
