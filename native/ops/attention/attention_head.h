// What forward and backward on the CPU share: sequences in order of work, and the strips of rows that both
// work on.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/isa/attention.h"
#include "cpu/pool.h"
#include "ops/attention/attention.h"
#include "ops/attention/relative_bias.h"

namespace athanor {

// What a job holds at a time is bounded at any length: keys and values of one head of at most this many rows,
// which stay in a core's L2 (each 128 KB for heads of 64), and a strip of scores in L1.
constexpr int64_t attention_block_keys = 512;

struct AttentionSequence {
  int64_t index;      // b
  int64_t row, rows;  // first query row, Lq
  int64_t key, keys;  // first key row, Lk

  // How many keys query i of the sequence sees: always the first ones.
  int64_t visible(bool causal, int64_t i) const {
    if (!causal) return keys;
    int64_t seen = i + keys - rows + 1;
    return seen < 0 ? 0 : seen < keys ? seen : keys;
  }
};

// Rows [row, row + rows) of the sequence against keys [key, key + keys), for one head.
struct AttentionTile {
  int64_t row, rows;
  int64_t key, keys;
};

// All sequences, those with most work first: the pool hands out jobs in this order, so that a long one does
// not start last.
std::vector<AttentionSequence> attention_sequences(const AttentionInputs<float>& in);

// Key blocks of equal size, at most attention_block_keys; a multiple of 16 but for the last.
int64_t attention_key_block(int64_t keys);

// Row stride for scores of `keys` columns: whole cache lines, and not a multiple of 4096 bytes, where all
// rows would compete for the same lines of L1.
int64_t attention_score_stride(int64_t keys);

// What one (sequence, head) computes with; the pointers are at its first query and key row.
class AttentionHead {
 public:
  AttentionHead(const AttentionInputs<float>& in, const RelativeBias& relative,
                const AttentionSequence& sequence, int64_t head);

  // n rounded up to whole vectors.
  size_t padded(int64_t n) const {
    return (static_cast<size_t>(n) + kernels.width - 1) / kernels.width * kernels.width;
  }

  // How many strips `rows` are cut into, evenly; a strip is at most kernels.rows high.
  int64_t strips(int64_t rows) const;

  // Scores of a tile: s (rows, keys up to whole vectors) = scale Q K^T + biases, with K packed by
  // pack_transposed.
  void scores(const AttentionTile& tile, const float* packed_keys, float* s, size_t stride) const;
  void add_bias(const AttentionTile& tile, float* s, size_t stride) const;

  // The strip as the row functions of the instruction set take it.
  ScoreStrip strip(const AttentionTile& tile, float* s, size_t stride) const;

  const HeadKernels& kernels;
  const AttentionInputs<float>& in;
  const RelativeBias& relative;
  const AttentionSequence sequence;
  const int64_t head;
  const size_t size;  // D
  const float* q;     // (Lq, D), row stride in.q_stride
  const float* k;     // (Lk, D), row stride in.k_stride
  const float* v;     // (Lk, D), row stride in.v_stride
};

}  // namespace athanor
