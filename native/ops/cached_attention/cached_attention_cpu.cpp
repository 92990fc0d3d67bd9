// A job is a few neighbouring query rows, all heads of which it takes row by row through the cache: whole
// rows stream from memory, and what neighbouring queries (beams of one source) share stays in L2. Few queries
// are cut by heads too, so that all threads have work.
#include <algorithm>
#include <limits>
#include <vector>

#include "cpu/isa/attention.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/attention/relative_bias.h"
#include "ops/cached_attention/cached_attention.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr int64_t least_work = 32768;  // elements of keys and values that are worth a wake-up
constexpr int64_t most_parts = 8;      // jobs that a single query is cut into

// What the relative bias adds to a query's scores depends on the number of its keys alone: for each head one
// row that ends at distance 0, of which a query reads the last `length`.
class CachedBias {
 public:
  CachedBias(const CachedAttention<float>& a, int64_t most_keys) : most_keys_(most_keys) {
    if (!a.table) return;
    values_.resize(static_cast<size_t>(a.heads * most_keys));
    const float* table = static_cast<const float*>(a.table);
    for (int64_t j = 0; j < most_keys; j++) {
      const int64_t bucket = relative_bucket(j - (most_keys - 1), a.bidirectional, a.buckets, a.max_distance);
      for (int64_t h = 0; h < a.heads; h++) {
        values_[static_cast<size_t>(h * most_keys + j)] = table[bucket * a.heads + h];
      }
    }
  }

  const float* of(int64_t head, int64_t length) const {
    return values_.empty() ? nullptr : values_.data() + (head + 1) * most_keys_ - length;
  }

 private:
  const int64_t most_keys_;
  std::vector<float> values_;  // (H, most keys)
};

// Row stride for scores of `keys` columns: whole cache lines.
int64_t score_stride(int64_t keys) {
  return (keys + 15) / 16 * 16;
}

// Heads [begin, end) of query i.
void attend(const CachedAttention<float>& a, const CachedBias& bias, int64_t i, int64_t begin, int64_t end,
            Worker& worker) {
  const HeadKernels& kernels = *athanor::kernels().head;
  const int64_t length = a.lengths.data[i], heads = end - begin, column = begin * a.head_size;
  const size_t count = static_cast<size_t>(heads), width = count * static_cast<size_t>(a.head_size);
  float* o = a.o + i * a.heads * a.head_size + column;
  if (length == 0) return athanor::kernels().fill(o, 0.0f, width);
  const int64_t first = a.starts.data ? a.starts.data[i] : 0;
  const size_t stride = static_cast<size_t>(score_stride(length));
  float* s = worker.floats(count * (stride + 4), 0);
  float* largest = s + count * stride;
  float *total = largest + count, *keep = total + count, *scale = keep + count;
  std::fill(largest, largest + count, -infinity);
  std::fill(total, total + count, 0.0f);

  CachedRow row{};
  row.heads = count, row.size = static_cast<size_t>(a.head_size), row.count = static_cast<size_t>(length);
  row.q = a.q + i * a.q_stride + column;
  row.keys = a.keys + first * a.key_stride + column, row.key_stride = a.key_stride;
  row.values = a.values + first * a.value_stride + column, row.value_stride = a.value_stride;
  row.rows = a.rows.data ? a.rows.data + i * a.columns : nullptr;
  row.scale = a.scale, row.s = s, row.stride = stride;
  row.o = o, row.row_scale = scale;
  kernels.score_cached(row);
  for (int64_t h = 0; h < heads; h++) {
    const float* add = bias.of(begin + h, length);
    float* scores = s + static_cast<size_t>(h) * stride;
    if (add) athanor::kernels().arithmetic(Arithmetic::add, scores, scores, add, row.count);
  }
  ScoreStrip strip{};
  strip.s = s, strip.stride = stride, strip.rows = count, strip.keys = row.count;
  strip.visible = static_cast<ptrdiff_t>(row.count), strip.whole = true;
  kernels.soften(strip, largest, total, keep, scale);
  kernels.sum_cached(row);
  for (int64_t h = 0; h < heads; h++) {  // 0 also where 0 V is NaN
    if (total[h] == 0.0f) athanor::kernels().fill(o + h * a.head_size, 0.0f, row.size);
  }
}

}  // namespace

void cached_attention(Cpu, const CachedAttention<float>& a) {
  if (a.queries == 0) return;
  int64_t most_keys = 0, all_keys = 0;
  for (int64_t i = 0; i < a.queries; i++) {
    most_keys = std::max<int64_t>(most_keys, a.lengths.data[i]);
    all_keys += a.lengths.data[i];
  }
  const CachedBias bias(a, most_keys);
  const int64_t wanted = (most_parts + a.queries - 1) / a.queries;
  const int64_t parts = std::min(a.heads, wanted), jobs = a.queries * parts;
  const int64_t work = 2 * all_keys * a.heads * a.head_size / jobs;  // of a job
  const size_t grain = static_cast<size_t>(least_work / (work + 1) + 1);
  parallel_ranges(static_cast<size_t>(jobs), grain, [&](size_t begin, size_t end, Worker& worker) {
    for (int64_t job = static_cast<int64_t>(begin); job < static_cast<int64_t>(end); job++) {
      const int64_t i = job / parts, part = job % parts;
      attend(a, bias, i, part * a.heads / parts, (part + 1) * a.heads / parts, worker);
    }
  });
}

}  // namespace athanor
