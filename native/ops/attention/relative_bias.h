// T5's relative position bias (Raffel et al., "Exploring the Limits of Transfer Learning with a Unified
// Text-to-Text Transformer", 2020, section 2.1; T5Attention of Transformers): the score of query i and key j
// of a head gets table[bucket(distance), head], distance = j - (i + Lk - Lq). Queries end with the keys, as
// in causal attention: with a cache the last rows are placed rightly.
//
// A bias depends on the distance alone, so a head needs one row of Lk + Lq - 1 numbers, of which query i
// reads a window.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/attention/attention.h"

namespace athanor {

// The bucket of key position minus query position. Bidirectional: half of the buckets are for keys that come
// later, which otherwise share the bucket of distance 0. The first half of what remains are exact distances,
// the other grows with their logarithm up to max_distance. The last takes everything beyond.
int64_t relative_bucket(int64_t distance, bool bidirectional, int64_t buckets, int64_t max_distance);

// The first bucket that holds more than one distance; max_distance must lie above.
int64_t relative_exact(bool bidirectional, int64_t buckets);

// The biases of a call by distance, for all of its heads.
class RelativeBias {
 public:
  explicit RelativeBias(const AttentionInputs<float>& in);  // in.table may be null: no bias

  bool given() const { return in_.table != nullptr; }

  // What the scores of query i get, from key 0 on, in a sequence of so many rows and keys.
  const float* row(int64_t head, int64_t i, int64_t rows, int64_t keys) const {
    return values_.data() + head * distances_ + (most_keys_ - keys) + (rows - 1 - i);
  }

  // target[bucket] += the sum of by_distance over the distances in the bucket; by_distance (rows + keys - 1)
  // starts at distance -(keys - 1).
  void add_to_buckets(double* target, const float* by_distance, int64_t rows, int64_t keys) const;

 private:
  const AttentionInputs<float>& in_;
  int64_t most_keys_ = 0;
  int64_t distances_ = 0;        // from -(most keys - 1) to most rows - 1
  std::vector<int32_t> bucket_;  // (distances)
  std::vector<float> values_;    // (H, distances)
};

// dtable (buckets, H) from sums (B, H, buckets), added over the sequences in order.
void write_table_gradient(const AttentionInputs<float>& in, const double* sums, float* dtable);

}  // namespace athanor
