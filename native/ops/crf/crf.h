// Linear-chain conditional random fields over a ragged batch (Lafferty, McCallum & Pereira 2001). The score
// of a path of tags y over the n rows of a sequence is
//   start[y_1] + sum of emissions[t, y_t] + sum of transitions[y_t, y_t+1] + end[y_n],
// and its probability exp(score) / Z with Z the sum over all paths. Any score may be -inf: paths through it
// have probability 0, and it gets a gradient of 0, never NaN. T: f32, or bf16 on CUDA; all is computed in
// fp32, but for the scores of paths and log Z, which add up over the rows of a sequence in double.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/tensor.h"
#include "ops/losses/reduction_kind.h"
#include "ops/op.h"

namespace athanor {

constexpr int64_t crf_most_tags_cuda = 2048;  // a block keeps four numbers for each tag

template <class T>
struct CrfScores {
  const T* emissions;  // (T, K), rows `stride` apart
  int64_t stride;
  Indices offsets;       // (B+1)
  const T* transitions;  // (K, K): [from, to]
  const T *start, *end;  // (K)
  int64_t batch, rows, tags;
};

// losses[b] = log Z - score of the tags given: 0 for an empty sequence, +inf where that score is -inf.
template <class T>
struct CrfForward {
  CrfScores<T> in;
  Indices labels;  // (T)
  Reduction reduction;
  // (T, K): log of the sum over all paths that end there, less the largest of its row; paths do not end yet.
  float* alpha;
  float* losses;  // (B)
  float* loss;    // (1): their sum, or mean over sequences that are not empty; null without reduction
};

// With w(i | j) = exp(alpha[t, i] + transitions[i, j]) over its sum over i, the chance that tag i at t came
// before a path's tag j at t+1, the marginals are p[t, i] = sum over j of p[t+1, j] w(i | j): nothing is
// subtracted and nothing grows. Outputs overwrite.
template <class T>
struct CrfBackward {
  CrfScores<T> in;  // emissions may be null: alpha has what is needed of them
  Indices labels;
  Reduction reduction;
  const float* alpha;
  const float* dloss;    // (1), or (B) without reduction
  T* demissions;         // (T, K)
  float* dtransitions;   // (K, K)
  float *dstart, *dend;  // (K)
  int64_t groups = 0;    // of sequences, see crf_groups(); 0: as many as it says
};

// The path of the largest score; of equal ones the smaller tag, from the last row back.
template <class T>
struct CrfDecode {
  CrfScores<T> in;
  int32_t* path;  // (T)
  float* scores;  // (B): 0 for an empty sequence
};

// The gradients of the scores that all sequences share are summed up by groups of sequences: group g takes
// sequences g, g + groups, g + 2 groups ... Few enough that their partial sums stay below 64 MB.
inline int64_t crf_groups(int64_t batch, int64_t tags, int64_t most) {
  const int64_t fit = (int64_t{1} << 23) / (tags * tags + 2 * tags + 1);
  return std::min({batch, most, std::max<int64_t>(1, fit)});
}

void crf_forward(Cpu, const CrfForward<float>& a);
void crf_backward(Cpu, const CrfBackward<float>& a);
void crf_decode(Cpu, const CrfDecode<float>& a);
template <class T>
void crf_forward(Cuda, const CrfForward<T>& a);
template <class T>
void crf_backward(Cuda, const CrfBackward<T>& a);
template <class T>
void crf_decode(Cuda, const CrfDecode<T>& a);

}  // namespace athanor
