#include "ops/attention/relative_bias.h"

#include <algorithm>
#include <cmath>

namespace athanor {

int64_t relative_exact(bool bidirectional, int64_t buckets) {
  return (bidirectional ? buckets / 2 : buckets) / 2;
}

// In float32, operation by operation as the reference: a distance near the edge of two buckets falls into the
// same one.
int64_t relative_bucket(int64_t distance, bool bidirectional, int64_t buckets, int64_t max_distance) {
  const int64_t exact = relative_exact(bidirectional, buckets);
  const int64_t side = bidirectional ? buckets / 2 : buckets;
  const int64_t first = bidirectional && distance > 0 ? side : 0;
  const int64_t away = distance <= 0 ? -distance : bidirectional ? distance : 0;
  if (away < exact) return first + away;
  const double farthest = static_cast<double>(max_distance) / static_cast<double>(exact);
  const float range = static_cast<float>(std::log(farthest));
  const float ratio = static_cast<float>(away) / static_cast<float>(exact);
  const float step = std::log(ratio) / range * static_cast<float>(side - exact);
  return first + std::min(exact + static_cast<int64_t>(step), side - 1);
}

RelativeBias::RelativeBias(const AttentionInputs<float>& in) : in_(in) {
  if (!given()) return;
  int64_t rows = 1;
  most_keys_ = 1;
  for (int64_t b = 0; b < in.batch; b++) {
    rows = std::max<int64_t>(rows, in.offsets.data[b + 1] - in.offsets.data[b]);
    most_keys_ = std::max<int64_t>(most_keys_, in.key_offsets.data[b + 1] - in.key_offsets.data[b]);
  }
  distances_ = rows + most_keys_ - 1;
  bucket_.resize(static_cast<size_t>(distances_));
  values_.resize(static_cast<size_t>(in.heads * distances_));
  const float* table = static_cast<const float*>(in.table);
  for (int64_t d = 0; d < distances_; d++) {
    const int64_t distance = d - (most_keys_ - 1);
    const int64_t bucket = relative_bucket(distance, in.bidirectional, in.buckets, in.max_distance);
    bucket_[static_cast<size_t>(d)] = static_cast<int32_t>(bucket);
    for (int64_t h = 0; h < in.heads; h++) {
      values_[static_cast<size_t>(h * distances_ + d)] = table[bucket * in.heads + h];
    }
  }
}

void RelativeBias::add_to_buckets(double* target, const float* by_distance, int64_t rows,
                                  int64_t keys) const {
  const int32_t* bucket = bucket_.data() + most_keys_ - keys;
  for (int64_t d = 0; d < rows + keys - 1; d++) target[bucket[d]] += static_cast<double>(by_distance[d]);
}

void write_table_gradient(const AttentionInputs<float>& in, const double* sums, float* dtable) {
  for (int64_t bucket = 0; bucket < in.buckets; bucket++) {
    for (int64_t h = 0; h < in.heads; h++) {
      double total = 0.0;
      for (int64_t b = 0; b < in.batch; b++) total += sums[(b * in.heads + h) * in.buckets + bucket];
      dtable[bucket * in.heads + h] = static_cast<float>(total);
    }
  }
}

}  // namespace athanor
