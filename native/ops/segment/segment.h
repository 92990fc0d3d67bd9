// Reductions over the sequences of a ragged batch: sequence b is rows [offsets[b], offsets[b+1]) of x (T, C).
// Every sum runs over rows in order within one job, so results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// The numbers cross to JavaScript.
enum class SegmentKind : int32_t { sum = 0, mean = 1, max = 2 };
constexpr int32_t segment_kind_count = 3;

// y[b, c] = sum, mean or largest of x[i, c] over the rows of sequence b. An empty sequence gives 0; ERR_DATA
// for max.
struct SegmentReduceForward {
  SegmentKind kind;
  const float* x;  // (T, C), row stride x_stride
  int64_t x_stride;
  const int32_t* offsets;  // (B+1)
  float* y;                // (B, C)
  int32_t* argmax;         // (B, C): row of the first largest element; max only, null where nobody needs it
  int64_t batch, rows, width;
};

struct SegmentReduceBackward {
  SegmentKind kind;
  const float* dy;  // (B, C), row stride dy_stride
  int64_t dy_stride;
  const int32_t* offsets;  // (B+1)
  const int32_t* argmax;   // (B, C), max only
  float* dx;               // (T, C)
  int64_t batch, rows, width;
};

// y[i, c] = exp(x[i, c]) / sum over the rows of i's sequence.
struct SegmentSoftmaxForward {
  const float* x;  // (T, C), row stride x_stride
  int64_t x_stride;
  const int32_t* offsets;  // (B+1)
  float* y;                // (T, C)
  int64_t batch, rows, width;
};

// dx = y (dy - sum over the sequence of dy y).
struct SegmentSoftmaxBackward {
  const float* dy;         // (T, C)
  const float* y;          // (T, C)
  const int32_t* offsets;  // (B+1)
  float* dx;               // (T, C)
  int64_t batch, rows, width;
};

// loss = mean over counted sequences of logsumexp(logits of b) - logits[offsets[b] + labels[b]]. Not counted:
// a label equal to ignore_index or outside the sequence. NaN when none is counted, and then the gradient is
// 0.
struct SegmentCrossEntropyForward {
  const float* logits;     // (T)
  const int32_t* offsets;  // (B+1)
  const int32_t* labels;   // (B), position within the sequence
  int64_t ignore_index;
  float* loss;    // (1)
  float* losses;  // (B): of each sequence, 0 where it is not counted
  float* lse;     // (B)
  int64_t batch, rows;
};

// dlogits = (softmax - [i is the label]) dloss / counted, 0 in sequences that are not counted.
struct SegmentCrossEntropyBackward {
  const float* dloss;      // (1)
  const float* logits;     // (T)
  const int32_t* offsets;  // (B+1)
  const int32_t* labels;   // (B)
  int64_t ignore_index;
  const float* lse;  // (B)
  float* dlogits;    // (T)
  int64_t batch, rows;
};

void segment_reduce_forward(Cpu, const SegmentReduceForward& a);
void segment_reduce_forward(Cuda, const SegmentReduceForward& a);
void segment_reduce_backward(Cpu, const SegmentReduceBackward& a);
void segment_reduce_backward(Cuda, const SegmentReduceBackward& a);
void segment_softmax_forward(Cpu, const SegmentSoftmaxForward& a);
void segment_softmax_forward(Cuda, const SegmentSoftmaxForward& a);
void segment_softmax_backward(Cpu, const SegmentSoftmaxBackward& a);
void segment_softmax_backward(Cuda, const SegmentSoftmaxBackward& a);
void segment_cross_entropy_forward(Cpu, const SegmentCrossEntropyForward& a);
void segment_cross_entropy_forward(Cuda, const SegmentCrossEntropyForward& a);
void segment_cross_entropy_backward(Cpu, const SegmentCrossEntropyBackward& a);
void segment_cross_entropy_backward(Cuda, const SegmentCrossEntropyBackward& a);

}  // namespace athanor
