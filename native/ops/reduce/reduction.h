// Sums whose bits depend on the sizes alone, never on threads: fixed blocks, added up in order. Short
// stretches are added in float by the vector primitives, everything above them in double, so that a sum over
// 1e7 elements is about as exact as one over the few hundred of a stretch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/pool.h"

namespace athanor {

constexpr int64_t sum_stretch = 512;    // elements added in float
constexpr int64_t sum_block = 32768;    // elements per job
constexpr int64_t sum_row_group = 8;    // rows added in float
constexpr int64_t sum_row_block = 256;  // rows per job, at least

// The sum of n contiguous floats.
inline double sum_run(const float* x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += sum_stretch) {
    total += static_cast<double>(kernels().sum(x + i, static_cast<size_t>(std::min(sum_stretch, n - i))));
  }
  return total;
}

// The sum of piece(begin, end, worker) over [0, n) cut into blocks of `block`.
template <class Piece>
double sum_in_blocks(int64_t n, int64_t block, const Piece& piece) {
  int64_t count = (n + block - 1) / block;
  std::vector<double> partial(static_cast<size_t>(count));
  parallel_for(static_cast<size_t>(count), [&](size_t i, Worker& worker) {
    int64_t begin = static_cast<int64_t>(i) * block;
    partial[i] = piece(begin, std::min(n, begin + block), worker);
  });
  double total = 0;
  for (double p : partial) total += p;
  return total;
}

// One job of sum_of_rows: total(width) = sum of rows [begin, end) of columns [column, column + width),
// width <= sum_stretch.
template <class Row>
void sum_row_range(double* total, int64_t begin, int64_t end, int64_t column, int64_t width, const Row& row) {
  const Kernels& k = kernels();
  size_t n = static_cast<size_t>(width);
  float group[sum_stretch], buffer[sum_stretch];
  std::fill(total, total + width, 0.0);
  for (int64_t first = begin; first < end; first += sum_row_group) {
    k.fill(group, 0.0f, n);
    for (int64_t r = first; r < std::min(end, first + sum_row_group); r++) {
      k.arithmetic(Arithmetic::add, group, group, row(r, column, width, buffer), n);
    }
    for (int64_t i = 0; i < width; i++) total[i] += static_cast<double>(group[i]);
  }
}

// y(outer, width) = scale * sum over r of row(o, r): x seen as (outer, rows, width). `row(o, r, column, n,
// buffer)` returns n floats from that column on: a pointer into x, or buffer (room for sum_stretch) filled.
template <class Row>
void sum_of_rows(float* y, int64_t outer, int64_t rows, int64_t width, double scale, const Row& row) {
  // At most 64 blocks per sum, so that the partial sums stay small beside x.
  int64_t block =
      std::max(sum_row_block, ((rows + 63) / 64 + sum_row_group - 1) / sum_row_group * sum_row_group);
  int64_t blocks = std::max<int64_t>(1, (rows + block - 1) / block);
  int64_t strips = (width + sum_stretch - 1) / sum_stretch;
  std::vector<double> partial(blocks > 1 ? static_cast<size_t>(outer * blocks * width) : 0);
  size_t jobs = static_cast<size_t>(outer * blocks * strips);
  size_t grain =
      static_cast<size_t>(sum_block / (std::min(rows, block) * std::min(width, sum_stretch) + 1) + 1);
  parallel_ranges(jobs, grain, [&](size_t begin, size_t end, Worker&) {
    for (size_t job = begin; job < end; job++) {
      int64_t strip = static_cast<int64_t>(job) % strips, rest = static_cast<int64_t>(job) / strips;
      int64_t b = rest % blocks, o = rest / blocks, column = strip * sum_stretch;
      int64_t n = std::min(sum_stretch, width - column);
      double total[sum_stretch];
      sum_row_range(
          total, b * block, std::min(rows, (b + 1) * block), column, n,
          [&](int64_t r, int64_t c, int64_t count, float* buffer) { return row(o, r, c, count, buffer); });
      if (blocks > 1) {
        std::copy(total, total + n, partial.data() + rest * width + column);
      } else {
        for (int64_t i = 0; i < n; i++) y[o * width + column + i] = static_cast<float>(total[i] * scale);
      }
    }
  });
  if (blocks == 1) return;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < width; i++) {
      double total = 0;
      for (int64_t b = 0; b < blocks; b++)
        total += partial[static_cast<size_t>((o * blocks + b) * width + i)];
      y[o * width + i] = static_cast<float>(total * scale);
    }
  }
}

}  // namespace athanor
