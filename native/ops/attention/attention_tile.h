// What forward and backward on the CPU share: sequences in order of work, and one tile of scores.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/pool.h"
#include "ops/attention/attention.h"

namespace athanor {

// Tiles are at most this large, so that a job's memory is bounded at any length: 128 x 512 floats are 256 KB,
// which stays in a core's L2.
constexpr int64_t attention_tile_rows = 128;
constexpr int64_t attention_tile_keys = 512;

struct AttentionSequence {
  int64_t index;      // b
  int64_t row, rows;  // first query row, Lq
  int64_t key, keys;  // first key row, Lk

  // How many keys query i of the sequence sees: always the first ones.
  int64_t visible(bool causal, int64_t i) const {
    if (!causal) return keys;
    int64_t seen = i + keys - rows + 1;
    return seen < 0 ? 0 : seen;
  }
};

// A tile: rows [row, row + rows) of the sequence against keys [key, key + keys), for one head.
struct AttentionTile {
  int64_t row, rows;
  int64_t key, keys;
  int64_t stride;  // elements between rows of the tile in scratch
};

// All sequences, those with most work first: the pool hands out jobs in this order, so that a long one does
// not start last.
std::vector<AttentionSequence> attention_sequences(const AttentionInputs& in);

// Row stride for tiles of `keys` columns: whole cache lines, and not a multiple of 4096 bytes, where all rows
// would compete for the same lines of L1.
int64_t attention_tile_stride(int64_t keys);

// Key blocks of equal size, at most attention_tile_keys wide; a multiple of 16 but for the last.
int64_t attention_key_block(int64_t keys);

// s (rows, keys) = scale Q K^T + bias.
void attention_scores(const AttentionInputs& in, const AttentionSequence& sequence, int64_t head,
                      const AttentionTile& tile, float* s, Worker& worker);

// Element index of a tile row's first key, for dropout.
inline uint64_t attention_element(const AttentionInputs& in, int64_t row, int64_t head, int64_t key) {
  return (static_cast<uint64_t>(row * in.heads + head) << 32) + static_cast<uint64_t>(key);
}

}  // namespace athanor
