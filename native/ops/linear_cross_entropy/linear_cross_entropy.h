// The loss of a vocabulary projection, cross_entropy(scale x W^T + bias, labels), without its (N, V) logits:
// only rows that count are projected, and the vocabulary goes by in blocks, of which one at a time exists.
// Forward keeps a running maximum and sum of exponentials for each row (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018); backward turns each block of logits into their gradient dz as
// cross_entropy.h says, and adds to
//   dx = scale dz W,  dW = scale dz^T x,  dbias = the column sums of dz.
// The first blocks are kept from forward to backward, within a fixed budget; the others are made again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/cross_entropy/cross_entropy.h"
#include "ops/parameter_gradient.h"

namespace athanor {

// A block has about a million logits (4 MB: it stays in cache between its passes), but at least 256 columns,
// below which the products would be slow. The workspace is thus at most max(4 MB, 1 KB per row), and with
// gradients 32 MB more for what is kept: all logits of BERT's masked LM up to 274 rows that count (some 1800
// tokens). Making them again would cost a third more.
constexpr int64_t vocabulary_block_logits = int64_t{1} << 20;
constexpr int64_t vocabulary_block_least = 256;
constexpr int64_t vocabulary_kept_logits = int64_t{1} << 23;

inline int64_t vocabulary_block_columns(int64_t rows, int64_t classes) {
  int64_t columns = std::max(vocabulary_block_least, vocabulary_block_logits / std::max<int64_t>(rows, 1));
  return std::min(columns, classes);
}

// On CUDA a block has eight times as many logits: its 32 MB stay in the L2 cache, and a product fills the
// GPU. Columns come in multiples of 128, a tile of the product, and rows of logits begin at multiples of 8,
// so that they can be read in 16 bytes, their gradient in bf16 too. Few rows get no longer blocks than this:
// the gradient of x is a sum over a block's columns, in fp32.
constexpr int64_t vocabulary_block_most_cuda = int64_t{1} << 15;
inline int64_t vocabulary_block_columns_cuda(int64_t rows, int64_t classes) {
  const int64_t columns = 8 * vocabulary_block_logits / std::max<int64_t>(rows, 1) / 128 * 128;
  return std::min({std::max<int64_t>(1024, columns), vocabulary_block_most_cuda, classes});
}
inline int64_t vocabulary_row_cuda(int64_t columns) {
  return (columns + 7) / 8 * 8;
}

// T: f32, or bf16 on CUDA. Logits, statistics and losses are fp32.
template <class T>
struct LinearCrossEntropyInput {
  const T* x;  // (N, C), rows x_stride elements apart
  int64_t x_stride;
  const T* weight;  // (V, C)
  const T* bias;    // (V) or null
  Indices labels;   // (N)
  int64_t rows, width, classes;
  float scale;
  CrossEntropyOptions options;
  float* kept;  // room for kept_floats logits, block after block; or null
  int64_t kept_floats;
  // CPU only: on CUDA scratch memory serves.
  float* gathered;  // room for the rows that count: (count, C)
  float* logits;    // room for one block: (count, vocabulary_block_columns)
  // CUDA only: columns of a block, or 0: vocabulary_block_columns_cuda.
  int64_t block_columns;
};

template <class T>
struct LinearCrossEntropyForward {
  LinearCrossEntropyInput<T> in;
  float* loss;        // one element, or (N) without reduction
  float* statistics;  // (N, 2): maximum and sum exp(z - max) of the rows that count, in order; or null
};

// Outputs overwrite; null where nobody needs them.
template <class T>
struct LinearCrossEntropyBackward {
  LinearCrossEntropyInput<T> in;
  const float* statistics;    // (N, 2)
  const float* dloss;         // one element, or (N) without reduction
  T* dx;                      // (N, C)
  float* dgathered;           // CPU only: room for dx of the rows that count: (count, C); null without dx
  ParameterGradient dweight;  // (V, C)
  ParameterGradient dbias;    // (V)
};

// Throws ERR_DATA for the first label outside 0..V-1 that is not ignore_index.
void linear_cross_entropy_forward(Cpu, const LinearCrossEntropyForward<float>& a);
void linear_cross_entropy_backward(Cpu, const LinearCrossEntropyBackward<float>& a);
template <class T>
void linear_cross_entropy_forward(Cuda, const LinearCrossEntropyForward<T>& a);
template <class T>
void linear_cross_entropy_backward(Cuda, const LinearCrossEntropyBackward<T>& a);

}  // namespace athanor
