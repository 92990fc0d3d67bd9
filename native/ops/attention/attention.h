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

#include "ops/host_indices.h"
#include "ops/op.h"

namespace athanor {

// All but the tensors.
struct AttentionSettings {
  int64_t batch, q_rows, k_rows, heads, head_size;
  bool causal;
  float scale;
  int64_t bias_batch, bias_rows, bias_columns;  // 0 without bias
  int64_t buckets, max_distance;                // of the relative bias
  bool bidirectional;
  float p;
  uint64_t seed, call;
};

template <class T>
struct AttentionInputs : AttentionSettings {
  const T* q;  // (Tq, H*D), row stride q_stride
  const T* k;  // (Tk, H*D), row stride k_stride
  const T* v;  // (Tk, H*D), row stride v_stride
  int64_t q_stride, k_stride, v_stride;
  Indices offsets;      // (B+1) of the query rows
  Indices key_offsets;  // (B+1) of the key rows; may be offsets
  const float* bias;    // (bias_batch, H, bias_rows, bias_columns) or null
  const void* table;    // (buckets, H) or null: relative_bias.h
  DType table_dtype;    // f32, or that of q
};

template <class T>
struct AttentionForward {
  AttentionInputs<T> in;
  T* o;        // (Tq, H*D)
  float* lse;  // (H, Tq), or null where nobody needs it
};

// Outputs overwrite; null where nobody needs them.
template <class T>
struct AttentionBackward {
  AttentionInputs<T> in;
  const T* o;        // (Tq, H*D)
  const float* lse;  // (H, Tq)
  const T* d_o;      // (Tq, H*D), row stride d_o_stride
  int64_t d_o_stride;
  T* dq;  // (Tq, H*D), row stride dq_stride
  T* dk;  // (Tk, H*D), row stride dk_stride
  T* dv;  // (Tk, H*D), row stride dv_stride
  int64_t dq_stride, dk_stride, dv_stride;
  float* dbias;        // shape of bias; summed over sequences in order when bias_batch is 1
  void* dtable;        // (buckets, H); summed over sequences in order
  DType dtable_dtype;  // f32, or that of the table
};

template <class T>
struct AttentionWeights {
  AttentionInputs<T> in;
  const float* lse;  // (H, Tq)
  float* weights;    // for each sequence in turn (H, Lq, Lk): P before dropout
};

// Checks the contents of both offsets, on the host, and that the bias covers every sequence.
void check_attention_sequences(const AttentionSettings& in, const int32_t* offsets,
                               const int32_t* key_offsets, ErrorCode code);

// The same for a command on either device, with ERR_DATA.
template <class Device, class T>
void check_attention_sequences(Device device, const AttentionInputs<T>& in) {
  const HostIndices offsets(device, in.offsets, in.batch + 1);
  const bool same = in.key_offsets.data == in.offsets.data;  // read once
  const HostIndices key_offsets(device, same ? Indices{offsets.data(), offsets.data()} : in.key_offsets,
                                in.batch + 1);
  check_attention_sequences(in, offsets.data(), key_offsets.data(), ErrorCode::data);
}

void attention_forward(Cpu, const AttentionForward<float>& a);
void attention_backward(Cpu, const AttentionBackward<float>& a);
void attention_weights(Cpu, const AttentionWeights<float>& a);
template <class T>
void attention_forward(Cuda, const AttentionForward<T>& a);
template <class T>
void attention_backward(Cuda, const AttentionBackward<T>& a);
template <class T>
void attention_weights(Cuda, const AttentionWeights<T>& a);

}  // namespace athanor
