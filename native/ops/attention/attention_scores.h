// CUDA: what becomes of a tile of products Q K^T before the softmax: scale, biases, masks; and the dropout
// mask. Written on registers laid out as in attention_products.h, whose rows may be queries and columns keys
// or, for dK and dV, the other way round.
//
// Scores of bf16 kernels are kept in base 2 (times log2 e), so that the scale and the change of base are one
// multiplication and an exponential one instruction. fp32 kernels use expf.
#pragma once

#include "core/random.h"
#include "cuda/exponential.h"
#include "ops/attention/attention.h"
#include "ops/attention/attention_products.h"

namespace athanor {

// What the rows of a tile in registers are.
enum class Side { queries, keys };

template <class T>
struct Exponent {
  static constexpr float unit = 1.0f;  // of scores
  __device__ static float of(float x) { return expf(x); }
  __device__ static float log(float x) { return logf(x); }
};

template <>
struct Exponent<bf16> {
  static constexpr float unit = 1.4426950408889634f;
  __device__ static float of(float x) { return exp2_approximate(x); }
  __device__ static float log(float x) { return log2f(x); }
};

// The table of the relative bias and where its buckets begin: bucket u of a side holds the distances from
// first[u] up to first[u + 1] (relative_bias.h).
struct RelativeTable {
  const void* table;  // (buckets, H) or null
  DType dtype;
  int buckets, side;  // of all, of a side
  const int32_t* first;
  bool bidirectional;

  __device__ int bucket(int distance) const {
    const int away = distance <= 0 ? -distance : bidirectional ? distance : 0;
    int least = 0, beyond = side;
    while (beyond - least > 1) {
      const int middle = (least + beyond) / 2;
      if (first[middle] <= away) {
        least = middle;
      } else {
        beyond = middle;
      }
    }
    return (bidirectional && distance > 0 ? side : 0) + least;
  }
  __device__ float value(int bucket, int head, int heads) const {
    const int64_t at = static_cast<int64_t>(bucket) * heads + head;
    return dtype == DType::f32 ? static_cast<const float*>(table)[at]
                               : to_float(static_cast<const bf16*>(table)[at]);
  }
};

// What every kernel takes.
template <class T>
struct AttentionOperands {
  const T* q;
  const T* k;
  const T* v;
  int64_t q_stride, k_stride, v_stride;
  const int32_t* offsets;
  const int32_t* key_offsets;
  int64_t q_rows;
  int batch, heads, head_size;
  bool causal;
  bool vectors;  // rows of all tensors are aligned to 16 bytes
  float scale;
  const float* bias;
  int64_t bias_rows, bias_columns;
  bool bias_shared;  // by the sequences
  RelativeTable relative;
  uint32_t dropout;  // threshold; 0: none
  float keep_scale;  // 1 / (1 - p)
  uint64_t seed, call;
};

// One head of one sequence, and a block's rows of it: of queries, or of keys.
struct AttentionBlock {
  int sequence, head;
  SequenceRows queries, keys;
  int row;  // first of the block's within the sequence

  // How many keys query i sees: the first ones.
  __device__ int visible(bool causal, int i) const {
    if (!causal) return keys.count;
    const int seen = i + keys.count - queries.count + 1;
    return seen < 0 ? 0 : seen < keys.count ? seen : keys.count;
  }
};

// Heads of a tile side by side; long sequences of queries see most keys at their end, so the last slots come
// first. Row may lie beyond the sequence: then there is nothing to do.
template <class T>
__device__ inline AttentionBlock attention_block(const AttentionOperands<T>& a, Side side,
                                                 int block_rows = attention_rows) {
  const int slots = static_cast<int>(gridDim.x) / a.heads;
  const int slot = slots - 1 - static_cast<int>(blockIdx.x) / a.heads;
  const int head = static_cast<int>(blockIdx.x) % a.heads;
  const int32_t* offsets = side == Side::queries ? a.offsets : a.key_offsets;
  const int sequence = sequence_of_slot(offsets, a.batch, slot, block_rows);
  const int row = (slot - (offsets[sequence] / block_rows + sequence)) * block_rows;
  return {sequence, head, SequenceRows(a.offsets, sequence), SequenceRows(a.key_offsets, sequence), row};
}

// A tile of scores: rows from `row` of `side`, columns from `column` of the other.
template <Side side>
struct ScoreTile {
  int row, column;

  __device__ int query(int r, int c) const { return side == Side::queries ? row + r : column + c; }
  __device__ int key(int r, int c) const { return side == Side::queries ? column + c : row + r; }
};

// What (n, e) of a warp's registers is within a block's tile.
__device__ inline int score_row(int e) {
  return warp_index() * warp_rows + lane_group() + 8 * (e / 2);
}
__device__ inline int score_column(int n, int e) {
  return 8 * n + 2 * lane_pair() + e % 2;
}

// The relative bias of a tile, by its distance: j - i of the tile, plus what makes it at least 0. Buckets
// beside, for the gradient of the table. Filled by all threads; barriers are the caller's.
template <int N>
struct RelativeTile {  // N: columns
  float value[attention_rows + N - 1];
  int bucket[attention_rows + N - 1];
};

// A kernel without options has no use for it: the smallest.
template <bool options, int N>
constexpr int relative_columns = options ? N : 8;

template <Side side, int N>
__device__ inline int relative_index(int r, int c) {
  return side == Side::queries ? c - r + attention_rows - 1 : r - c + N - 1;
}

template <Side side, int N, class T>
__device__ inline void fill_relative(RelativeTile<N>& to, const AttentionOperands<T>& a,
                                     const AttentionBlock& at, const ScoreTile<side>& tile) {
  if (!a.relative.table) return;
  // The distance of index 0: the first key of the tile from its last query.
  const int last_query = side == Side::queries ? tile.row + attention_rows - 1 : tile.column + N - 1;
  const int first_key = side == Side::queries ? tile.column : tile.row;
  const int least = first_key - (last_query + at.keys.count - at.queries.count);
  for (int i = static_cast<int>(threadIdx.x); i < attention_rows + N - 1; i += attention_threads) {
    const int bucket = a.relative.bucket(least + i);
    to.bucket[i] = bucket;
    to.value[i] = a.relative.value(bucket, at.head, a.heads) * Exponent<T>::unit;
  }
}

// Products become scores: -inf where a query does not see a key. What lies beyond the queries is any number.
template <Side side, int N, bool options, class T>
__device__ inline void finish_scores(float (&s)[N / 8][4], const AttentionOperands<T>& a,
                                     const AttentionBlock& at, const ScoreTile<side>& tile,
                                     const RelativeTile<N>* relative) {
  const float scale = a.scale * Exponent<T>::unit;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] *= scale;
  }
  if constexpr (options) {
    if (a.bias) {
      const int64_t plane = static_cast<int64_t>(a.bias_shared ? 0 : at.sequence) * a.heads + at.head;
      const float* bias = a.bias + plane * a.bias_rows * a.bias_columns;
#pragma unroll
      for (int n = 0; n < N / 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const int r = score_row(e), c = score_column(n, e), i = tile.query(r, c), j = tile.key(r, c);
          if (i < at.queries.count && j < at.keys.count) {
            s[n][e] = fmaf(bias[i * a.bias_columns + j], Exponent<T>::unit, s[n][e]);
          }
        }
      }
    }
    if (a.relative.table) {
#pragma unroll
      for (int n = 0; n < N / 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          s[n][e] += relative->value[relative_index<side, N>(score_row(e), score_column(n, e))];
        }
      }
    }
  }
  const int first_query = side == Side::queries ? tile.row : tile.column;
  const int last_key =
      side == Side::queries ? tile.column + N - 1 : tile.row + (warp_index() + 1) * warp_rows - 1;
  if (last_key < at.visible(a.causal, first_query)) return;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const int r = score_row(e), c = score_column(n, e);
      if (tile.key(r, c) >= at.visible(a.causal, tile.query(r, c))) s[n][e] = -INFINITY;
    }
  }
}

// The dropout mask of a tile in a lane's registers. One Philox call gives the words of four neighbouring keys
// of a query: neighbouring lanes share it (where rows are queries, two lanes; where they are keys, four) and
// each makes a part of what they need together.
template <Side side, int N>
struct KeptElements;

template <class T>
__device__ inline uint32_t kept_four(const AttentionOperands<T>& a, const AttentionBlock& at, int query,
                                     int key) {
  const uint64_t row = static_cast<uint64_t>(at.queries.first + query) * a.heads + at.head;
  const PhiloxWords words = philox(a.seed, a.call, (row << 30) + static_cast<uint64_t>(key >> 2));
  uint32_t kept = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) kept |= static_cast<uint32_t>(words.word[i] >= a.dropout) << i;
  return kept;
}

template <int N>
struct KeptElements<Side::queries, N> {
  uint32_t word[2];  // of the lane's two rows: bit 4 n + i for key 8 n + 4 (pair / 2) + i of the tile

  template <class T>
  __device__ void fill(const AttentionOperands<T>& a, const AttentionBlock& at,
                       const ScoreTile<Side::queries>& tile) {
    const int odd = lane_pair() & 1;  // makes the words of the lower row
    uint32_t mine = 0;
#pragma unroll 2  // more calls at once take more registers than they hide latency
    for (int n = 0; n < N / 8; n++) {
      const int r = score_row(2 * odd), c = 8 * n + lane_pair() / 2 * 4;
      mine |= kept_four(a, at, tile.row + r, tile.column + c) << (4 * n);
    }
    const uint32_t other = __shfl_xor_sync(full_mask, mine, 1);
    word[0] = odd ? other : mine;
    word[1] = odd ? mine : other;
  }
  __device__ bool kept(int n, int e) const {
    return word[e / 2] >> (4 * n + 2 * (lane_pair() & 1) + e % 2) & 1;
  }
};

template <int N>
struct KeptElements<Side::keys, N> {
  uint32_t word[4];  // for e = 0..3: bit 4 n + i for the keys 4 (group / 4) + i, + 8 for e >= 2

  template <class T>
  __device__ void fill(const AttentionOperands<T>& a, const AttentionBlock& at,
                       const ScoreTile<Side::keys>& tile) {
    const int mine = lane_group() & 3;  // makes the words of e = mine
    uint32_t bits = 0;
#pragma unroll 1  // with two, gradients of heads of 128 spill
    for (int n = 0; n < N / 8; n++) {
      const int r = score_row(mine) - mine, c = score_column(n, mine);
      bits |= kept_four(a, at, tile.column + c, tile.row + r) << (4 * n);
    }
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
    for (int e = 0; e < 4; e++) word[e] = __shfl_sync(full_mask, bits, (lane & ~12) | e << 2);
  }
  __device__ bool kept(int n, int e) const {
    return word[e] >> (4 * n + (lane_group() & 3)) & 1;
  }
};

}  // namespace athanor
