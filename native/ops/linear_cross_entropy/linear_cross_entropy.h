// The loss of a vocabulary projection, cross_entropy(scale x W^T + bias, labels), without its (N, V) logits:
// only rows that count are projected, and the vocabulary goes by in blocks, of which one at a time exists.
// Forward keeps a running maximum and sum of exponentials for each row (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018); backward makes each block of logits again, turns it into their
// gradient dz as cross_entropy.h says, and adds to
//   dx = scale dz W,  dW = scale dz^T x,  dbias = the column sums of dz.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/cross_entropy/cross_entropy.h"

namespace athanor {

// A block has about a million logits (4 MB: it stays in cache between its passes), but at least 256 columns,
// below which the products would be slow. The workspace is thus at most max(4 MB, 1 KB per row).
constexpr int64_t vocabulary_block_logits = int64_t{1} << 20;
constexpr int64_t vocabulary_block_least = 256;

inline int64_t vocabulary_block_columns(int64_t rows, int64_t classes) {
  int64_t columns = std::max(vocabulary_block_least, vocabulary_block_logits / std::max<int64_t>(rows, 1));
  return std::min(columns, classes);
}

struct LinearCrossEntropyInput {
  const float* x;  // (N, C), rows x_stride elements apart
  int64_t x_stride;
  const float* weight;    // (V, C)
  const float* bias;      // (V) or null
  const int32_t* labels;  // (N)
  int64_t rows, width, classes;
  float scale;
  CrossEntropyOptions options;
  float* gathered;  // (N, C): room for the rows that count
  float* logits;    // room for one block: rows x vocabulary_block_columns for any number of rows up to N
};

struct LinearCrossEntropyForward {
  LinearCrossEntropyInput in;
  float* loss;        // one element, or (N) without reduction
  float* statistics;  // (N, 2): maximum and sum exp(z - max) of the rows that count, in order; or null
};

// Outputs overwrite; null where nobody needs them.
struct LinearCrossEntropyBackward {
  LinearCrossEntropyInput in;
  const float* statistics;  // (N, 2)
  const float* dloss;       // one element, or (N) without reduction
  float* dx;                // (N, C)
  float* dgathered;         // (N, C): room for dx of the rows that count; null without dx
  float* dweight;           // (V, C)
  float* dbias;             // (V)
};

// Throws ERR_DATA for the first label outside 0..V-1 that is not ignore_index.
void linear_cross_entropy_forward(Cpu, const LinearCrossEntropyForward& a);
void linear_cross_entropy_backward(Cpu, const LinearCrossEntropyBackward& a);

}  // namespace athanor
