// Reductions over the sequences of a ragged batch: sequence b is rows [offsets[b], offsets[b+1]) of x (T, C).
// Sums run in an order that depends on sizes alone, so results do not depend on the number of threads. T:
// f32, or bf16 on CUDA; everything is computed in fp32.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "ops/op.h"

namespace athanor {

// The numbers cross to JavaScript.
enum class SegmentKind : int32_t { sum = 0, mean = 1, max = 2 };
constexpr int32_t segment_kind_count = 3;

// y[b, c] = sum, mean or largest of x[i, c] over the rows of sequence b. An empty sequence gives 0; ERR_DATA
// for max.
template <class T>
struct SegmentReduceForward {
  SegmentKind kind;
  const T* x;  // (T, C), row stride x_stride
  int64_t x_stride;
  Indices offsets;  // (B+1)
  T* y;             // (B, C)
  int32_t* argmax;  // (B, C): row of the first largest element; max only, null where nobody needs it
  int64_t batch, rows, width;
};

template <class T>
struct SegmentReduceBackward {
  SegmentKind kind;
  const T* dy;  // (B, C), row stride dy_stride
  int64_t dy_stride;
  Indices offsets;        // (B+1)
  const int32_t* argmax;  // (B, C), max only
  T* dx;                  // (T, C)
  int64_t batch, rows, width;
};

// y[i, c] = exp(x[i, c]) / sum over the rows of i's sequence.
template <class T>
struct SegmentSoftmaxForward {
  const T* x;  // (T, C), row stride x_stride
  int64_t x_stride;
  Indices offsets;  // (B+1)
  T* y;             // (T, C)
  int64_t batch, rows, width;
};

// dx = y (dy - sum over the sequence of dy y).
template <class T>
struct SegmentSoftmaxBackward {
  const T* dy;      // (T, C)
  const T* y;       // (T, C)
  Indices offsets;  // (B+1)
  T* dx;            // (T, C)
  int64_t batch, rows, width;
};

// loss = mean over counted sequences of logsumexp(logits of b) - logits[offsets[b] + labels[b]]. Not counted:
// a label equal to ignore_index or outside the sequence. NaN when none is counted, and then the gradient is
// 0.
template <class T>
struct SegmentCrossEntropyForward {
  const T* logits;  // (T)
  Indices offsets;  // (B+1)
  Indices labels;   // (B), position within the sequence
  int64_t ignore_index;
  float* loss;    // (1)
  float* losses;  // (B): of each sequence, 0 where it is not counted
  float* lse;     // (B)
  int64_t batch, rows;
};

// dlogits = (softmax - [i is the label]) dloss / counted, 0 in sequences that are not counted.
template <class T>
struct SegmentCrossEntropyBackward {
  const float* dloss;  // (1)
  const T* logits;     // (T)
  Indices offsets;     // (B+1)
  Indices labels;      // (B)
  int64_t ignore_index;
  const float* lse;  // (B)
  T* dlogits;        // (T)
  int64_t batch, rows;
};

// What max needs: throws ERR_DATA for an empty sequence.
void check_not_empty(const int32_t* offsets, int64_t batch);

void segment_reduce_forward(Cpu, const SegmentReduceForward<float>& a);
template <class T>
void segment_reduce_forward(Cuda, const SegmentReduceForward<T>& a);
void segment_reduce_backward(Cpu, const SegmentReduceBackward<float>& a);
template <class T>
void segment_reduce_backward(Cuda, const SegmentReduceBackward<T>& a);
void segment_softmax_forward(Cpu, const SegmentSoftmaxForward<float>& a);
template <class T>
void segment_softmax_forward(Cuda, const SegmentSoftmaxForward<T>& a);
void segment_softmax_backward(Cpu, const SegmentSoftmaxBackward<float>& a);
template <class T>
void segment_softmax_backward(Cuda, const SegmentSoftmaxBackward<T>& a);
void segment_cross_entropy_forward(Cpu, const SegmentCrossEntropyForward<float>& a);
template <class T>
void segment_cross_entropy_forward(Cuda, const SegmentCrossEntropyForward<T>& a);
void segment_cross_entropy_backward(Cpu, const SegmentCrossEntropyBackward<float>& a);
template <class T>
void segment_cross_entropy_backward(Cuda, const SegmentCrossEntropyBackward<T>& a);

}  // namespace athanor
