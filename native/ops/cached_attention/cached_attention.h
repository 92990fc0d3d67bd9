// Attention of single query rows over a cache: row i is one token, and what it attends to is a list of cache
// rows, or a range of them. For head h of query i with its L = lengths[i] keys:
//   s_j = scale q_h . key_h(j) + table[bucket(j - (L - 1)), h],  o_h = sum_j softmax(s)_j value_h(j)
// where key j is cache row rows[i][j], or starts[i] + j. The query stands at position L - 1 of its sequence
// (relative_bias.h). A query with no key, or whose scores are all -inf, gives 0. Heads lie side by side.
//
// A cache is a pool of rows: beams that share a past name the same rows, and reordering beams moves indices
// alone (the paged cache of Kwon et al., "Efficient Memory Management for Large Language Model Serving with
// PagedAttention", 2023, with pages of one row).
#pragma once

#include <cstdint>

#include "ops/host_indices.h"
#include "ops/op.h"

namespace athanor {

// All but the tensors.
struct CachedAttentionSettings {
  int64_t queries, heads, head_size;
  int64_t cache_rows;
  int64_t columns;  // of `rows`; 0 where starts are given
  float scale;
  int64_t buckets, max_distance;  // of the relative bias
  bool bidirectional;
};

template <class T>
struct CachedAttention : CachedAttentionSettings {
  const T* q;       // (N, H*D), row stride q_stride
  const T* keys;    // (R, H*D), row stride key_stride
  const T* values;  // (R, H*D), row stride value_stride
  int64_t q_stride, key_stride, value_stride;
  Indices lengths;    // (N)
  Indices rows;       // (N, columns): the first lengths[i] of a row count; or null
  Indices starts;     // (N), or null
  const void* table;  // (buckets, H) or null
  DType table_dtype;  // f32, or that of q
  T* o;               // (N, H*D)
};

// Throws Error(code, "cached_attention: ... must ...") unless every length fits and every row that is read
// lies in the cache. Host memory; rows or starts is null.
void check_cached_rows(const CachedAttentionSettings& in, const int32_t* lengths, const int32_t* rows,
                       const int32_t* starts, ErrorCode code);

// The same for a command, with ERR_DATA.
template <class Device, class T>
void check_cached_rows(Device device, const CachedAttention<T>& a) {
  const HostIndices lengths(device, a.lengths, a.queries);
  const HostIndices rows(device, a.rows, a.rows.data ? a.queries * a.columns : 0);
  const HostIndices starts(device, a.starts, a.starts.data ? a.queries : 0);
  check_cached_rows(a, lengths.data(), rows.data(), starts.data(), ErrorCode::data);
}

// Both trust lengths, rows and starts; on CUDA `lengths.host` may be null, and more blocks are then started
// than the keys need.
void cached_attention(Cpu, const CachedAttention<float>& a);
template <class T>
void cached_attention(Cuda, const CachedAttention<T>& a);

}  // namespace athanor
