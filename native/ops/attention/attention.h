// Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017, section 3.2) over ragged
// batches, without a T x T matrix in memory (Dao et al., "FlashAttention", 2022: row statistics are kept and
// the scores recomputed for the gradient). For head h of sequence b, with its Lq query and Lk key rows:
//   S = scale Q K^T + bias + relative bias,  P = softmax(S) over the keys that a query sees,
//   O = dropout(P) V
// Causal: query i sees key j when j <= i + Lk - Lq. A query that sees no key, or whose scores are all -inf,
// gives 0 and has gradient 0.
//
// Layouts: heads lie side by side in a row, (T, H*D); q, k and v may be ranges of columns. Bias
// (1 or B, H, rows, columns) is read at [b or 0, h, i, j] with i and j counted within the sequence;
// the relative bias comes from a table by the distance of query and key (relative_bias.h).
// Row statistics: lse (H, Tq) = log sum exp of the row of S, -inf for a row that sees nothing.
//
// Dropout: the element index in the sense of core/random.h is ((query row * H + h) << 32) + j, query row
// counted over the batch and j within the sequence: independent of layout, blocks and threads, and four
// neighbouring keys share one Philox block.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct AttentionInputs {
  const float* q;  // (Tq, H*D), row stride q_stride
  const float* k;  // (Tk, H*D), row stride k_stride
  const float* v;  // (Tk, H*D), row stride v_stride
  int64_t q_stride, k_stride, v_stride;
  const int32_t* offsets;      // (B+1) of the query rows
  const int32_t* key_offsets;  // (B+1) of the key rows; may be offsets
  int64_t batch, q_rows, k_rows, heads, head_size;
  bool causal;
  float scale;
  const float* bias;  // (bias_batch, H, bias_rows, bias_columns) or null
  int64_t bias_batch, bias_rows, bias_columns;
  const float* table;  // (buckets, H) or null: relative_bias.h
  int64_t buckets, max_distance;
  bool bidirectional;
  float p;
  uint64_t seed, call;
};

struct AttentionForward {
  AttentionInputs in;
  float* o;    // (Tq, H*D)
  float* lse;  // (H, Tq), or null where nobody needs it
};

// Outputs overwrite; null where nobody needs them.
struct AttentionBackward {
  AttentionInputs in;
  const float* o;    // (Tq, H*D)
  const float* lse;  // (H, Tq)
  const float* d_o;  // (Tq, H*D), row stride d_o_stride
  int64_t d_o_stride;
  float* dq;  // (Tq, H*D), row stride dq_stride
  float* dk;  // (Tk, H*D), row stride dk_stride
  float* dv;  // (Tk, H*D), row stride dv_stride
  int64_t dq_stride, dk_stride, dv_stride;
  float* dbias;   // shape of bias; summed over sequences in order when bias_batch is 1
  float* dtable;  // (buckets, H); summed over sequences in order
};

struct AttentionWeights {
  AttentionInputs in;
  const float* lse;  // (H, Tq)
  float* weights;    // for each sequence in turn (H, Lq, Lk): P before dropout
};

// Checks the contents of both offsets and that the bias covers every sequence; the pointers are read here.
void check_attention_sequences(const AttentionInputs& in, ErrorCode code);

void attention_forward(Cpu, const AttentionForward& a);
void attention_forward(Cuda, const AttentionForward& a);
void attention_backward(Cpu, const AttentionBackward& a);
void attention_backward(Cuda, const AttentionBackward& a);
void attention_weights(Cpu, const AttentionWeights& a);
void attention_weights(Cuda, const AttentionWeights& a);

}  // namespace athanor
