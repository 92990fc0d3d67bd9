// What decoding uses of an instruction set: finding large elements, and products of one query with rows of a
// cache; against plain loops, for sizes around the vectors.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cpu/check.h"
#include "cpu/isa/attention.h"
#include "cpu/kernels.h"

namespace athanor {
namespace detail {

namespace {

constexpr float guard = -77.0f;

// Numbers of -1 to 1 that are always the same.
std::vector<float> numbers(size_t n, uint32_t seed) {
  std::vector<float> x(n);
  for (float& v : x) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return x;
}

// In pieces of at most `most` and a block of vectors, every position once and in order.
void check_find(const Kernels& kernels, size_t n, size_t most, float threshold, Failures& failures) {
  std::vector<float> x = numbers(n, 5);
  if (n > 3) x[n / 2] = std::nanf(""), x[n - 1] = std::numeric_limits<float>::infinity(), x[1] = threshold;
  std::vector<int32_t> wanted, found;
  for (size_t i = 0; i < n; i++) {
    if (!(x[i] <= threshold)) wanted.push_back(static_cast<int32_t>(i));
  }
  std::vector<int32_t> piece(most + 64);
  for (size_t from = 0; from < n;) {
    const size_t count = kernels.find_above(piece.data(), most, x.data(), n, threshold, &from);
    if (from < n && (count < most || count >= most + 64))
      failures.push_back("find_above: " + std::to_string(count));
    found.insert(found.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(count));
  }
  if (found != wanted) failures.push_back("find_above of " + std::to_string(n));
}

struct CachedCase {
  size_t heads, size, count;
  bool listed;  // rows by index
};

void check_cached(const Kernels& kernels, const CachedCase& c, Failures& failures) {
  const size_t width = c.heads * c.size, stride = (c.count + 15) / 16 * 16, cache = 70;
  const std::vector<float> q = numbers(width, 1), keys = numbers(cache * width, 2),
                           values = numbers(cache * width, 3);
  const std::vector<float> scale = numbers(c.heads, 4);
  std::vector<int32_t> rows(c.count);
  for (size_t j = 0; j < c.count; j++) rows[j] = static_cast<int32_t>(c.listed ? j * 37 % cache : j);
  std::vector<float> s(c.heads * stride + 1, guard), o(width + 1, guard);
  CachedRow row{};
  row.heads = c.heads, row.size = c.size, row.count = c.count;
  row.q = q.data(), row.keys = keys.data(), row.values = values.data();
  row.key_stride = row.value_stride = static_cast<ptrdiff_t>(width);
  row.rows = c.listed ? rows.data() : nullptr;
  row.scale = 0.3f, row.s = s.data(), row.stride = stride;
  row.o = o.data(), row.row_scale = scale.data();
  kernels.head->score_cached(row);
  kernels.head->sum_cached(row);
  const std::string name =
      std::to_string(c.heads) + " heads of " + std::to_string(c.size) + ", " + std::to_string(c.count);
  if (s.back() != guard || o.back() != guard)
    failures.push_back("cached rows: wrote beyond the end: " + name);
  const auto near = [&](const char* what, float got, double wanted, double size) {
    if (!(std::fabs(got - wanted) <= 4e-7 * (size + 1))) failures.push_back(std::string(what) + ": " + name);
  };
  for (size_t h = 0; h < c.heads; h++) {
    for (size_t j = 0; j < c.count; j++) {
      const float* key = keys.data() + static_cast<size_t>(rows[j]) * width + h * c.size;
      double dot = 0;
      for (size_t d = 0; d < c.size; d++) dot += static_cast<double>(q[h * c.size + d]) * key[d];
      near("score_cached", s[h * stride + j], 0.3f * dot, std::sqrt(static_cast<double>(c.size)));
    }
    for (size_t d = 0; d < c.size; d++) {
      double sum = 0;
      for (size_t j = 0; j < c.count; j++) {
        sum += static_cast<double>(s[h * stride + j]) *
               values[static_cast<size_t>(rows[j]) * width + h * c.size + d];
      }
      near("sum_cached", o[h * c.size + d], scale[h] * sum, std::sqrt(static_cast<double>(c.count)));
    }
  }
}

}  // namespace

void check_decoding(const Kernels& kernels, Failures& failures) {
  for (size_t n : {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 129, 1000}) {
    for (size_t most : {1, 64}) {
      for (float threshold : {-2.0f, 0.0f, 0.9f, 2.0f}) check_find(kernels, n, most, threshold, failures);
    }
  }
  for (size_t size : {1, 3, 4, 7, 8, 16, 17, 33, 64, 65}) {
    for (size_t count : {1, 3, 4, 5, 15, 16, 17, 33, 64}) {
      for (bool listed : {false, true}) check_cached(kernels, {3, size, count, listed}, failures);
    }
  }
}

}  // namespace detail
}  // namespace athanor
