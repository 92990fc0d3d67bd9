// The products of one query row with rows of a cache that lie anywhere (cpu/isa/attention.h). Rows are read
// whole, all heads of a few at a time: each is a stream from memory that is walked through once.
#include "cpu/isa/isa.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr size_t sum_rows = 4;  // rows added to the output at once

ATHANOR_INLINE ptrdiff_t cache_row(const CachedRow& r, size_t j) {
  return r.rows != nullptr ? r.rows[j] : static_cast<ptrdiff_t>(j);
}

// The sums over the lanes of W vectors, one per lane: a transposition adds them up together.
ATHANOR_INLINE vf lane_sums(vf (&v)[W]) {
  transpose(v);
#pragma GCC unroll 4
  for (int half = W / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  }
  return v[0];
}

// Keys j to j + W of one head, whose columns begin at `at`.
ATHANOR_INLINE void score_head(const CachedRow& r, const float* const (&key)[W], size_t head, size_t j) {
  const size_t at = head * r.size;
  const float* q = r.q + at;
  vf sum[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) sum[i] = vf{};
  size_t d = 0;
  for (; d + W <= r.size; d += W) {
    const vf x = load(q + d);
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) sum[i] += load(key[i] + at + d) * x;
  }
  if (d < r.size) {
    const size_t lanes = r.size - d;
    const vf x = load_part(q + d, lanes);
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) sum[i] += load_part(key[i] + at + d, lanes) * x;
  }
  store(r.s + head * r.stride + j, lane_sums(sum) * r.scale);
}

// o += the sum of `weight` times `value`, N rows of one head; `first` overwrites.
template <size_t N>
ATHANOR_INLINE void add_rows(float* o, const float* const* value, const float* weight, size_t at, size_t size,
                             bool first) {
  vf w[N];
#pragma GCC unroll 4
  for (size_t i = 0; i < N; i++) w[i] = splat(weight[i]);
  size_t d = 0;
  for (; d + W <= size; d += W) {
    vf total = load(value[0] + at + d) * w[0];
    if (!first) total += load(o + d);
#pragma GCC unroll 4
    for (size_t i = 1; i < N; i++) total += load(value[i] + at + d) * w[i];
    store(o + d, total);
  }
  if (d == size) return;
  const size_t lanes = size - d;
  vf total = load_part(value[0] + at + d, lanes) * w[0];
  if (!first) total += load_part(o + d, lanes);
#pragma GCC unroll 4
  for (size_t i = 1; i < N; i++) total += load_part(value[i] + at + d, lanes) * w[i];
  store_part(o + d, total, lanes);
}

template <size_t N>
void add_group(const CachedRow& r, size_t j) {
  const float* value[N];
  for (size_t i = 0; i < N; i++) value[i] = r.values + cache_row(r, j + i) * r.value_stride;
  for (size_t h = 0; h < r.heads; h++) {
    add_rows<N>(r.o + h * r.size, value, r.s + h * r.stride + j, h * r.size, r.size, j == 0);
  }
}

}  // namespace

void score_cached(const CachedRow& r) {
  for (size_t j = 0; j < r.count; j += W) {
    const float* key[W];
    for (size_t i = 0; i < W; i++) {  // beyond the last key, the first of these again
      key[i] = r.keys + cache_row(r, j + i < r.count ? j + i : j) * r.key_stride;
    }
    for (size_t h = 0; h < r.heads; h++) score_head(r, key, h, j);
  }
}

void sum_cached(const CachedRow& r) {
  size_t j = 0;
  for (; j + sum_rows <= r.count; j += sum_rows) add_group<sum_rows>(r, j);
  for (; j < r.count; j++) add_group<1>(r, j);
  for (size_t h = 0; h < r.heads; h++) scale(r.o + h * r.size, r.row_scale[h], r.o + h * r.size, r.size);
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
