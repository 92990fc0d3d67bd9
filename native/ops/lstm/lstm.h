// One direction of one LSTM layer over a ragged batch (Hochreiter & Schmidhuber 1997; torch.nn.LSTM):
//   i, f, o = sigmoid, g = tanh of the four parts of p + h W^T,   c' = f c + i g,   h' = o tanh(c')
// where p = x W_ih^T + b_ih + b_hh was projected for all rows by one product before. Gates lie in PyTorch's
// order i, f, g, o. Sequences are taken longest first: the ones still alive at a step are the first `alive`
// of that order, and one product of (alive, H) by W^T serves them all. Nothing is padded or packed: each
// step finds its rows where they lie. T: f32, or bf16 on CUDA; states, gates and sums are fp32 (a bf16
// product reads h rounded to bf16).
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "ops/op.h"
#include "ops/parameter_gradient.h"

namespace athanor {

struct LstmSizes {
  int64_t batch, rows, hidden;
  bool reverse;  // the last row of a sequence is its first step
};

template <class T>
struct LstmForward {
  const T* projected;  // (T, 4H), rows projected_stride apart
  int64_t projected_stride;
  Indices offsets;         // (B+1)
  const T* weight;         // (4H, H)
  const float *h_0, *c_0;  // (B, H), or null: zeros
  T* y;                    // (T, H): h of every row
  float *h_n, *c_n;        // (B, H): the states after the last step; of an empty sequence those it began with
  float *gates, *cells;    // (T, 4H), (T, H): i, f, g, o and c of every row; null where nobody needs them
  LstmSizes sizes;
};

// Outputs overwrite.
template <class T>
struct LstmBackward {
  const T* dy;  // (T, H), rows dy_stride apart; null: zeros
  int64_t dy_stride;
  const float *dh_n, *dc_n;  // (B, H), or null: zeros
  Indices offsets;           // (B+1)
  const T* weight;           // (4H, H)
  const float *h_0, *c_0;    // (B, H) or null
  const T* y;                // (T, H)
  const float *gates, *cells;
  T* dprojected;              // (T, 4H)
  float *dh_0, *dc_0;         // (B, H); null where nobody needs them
  ParameterGradient dweight;  // (4H, H)
  LstmSizes sizes;
};

// What both devices take the steps by.
struct LstmPlan {
  std::vector<int32_t> order;  // (B): the sequences, longest first, equal lengths by number
  std::vector<int32_t> alive;  // by step: how many sequences have that step
};
LstmPlan lstm_plan(const int32_t* offsets, int64_t batch);

void lstm_forward(Cpu, const LstmForward<float>& a);
void lstm_backward(Cpu, const LstmBackward<float>& a);
template <class T>
void lstm_forward(Cuda, const LstmForward<T>& a);
template <class T>
void lstm_backward(Cuda, const LstmBackward<T>& a);

}  // namespace athanor
