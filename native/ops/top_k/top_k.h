// The k best elements of each group of rows, best first. For element v of row r the value is
//   f = x                        or, with `log_softmax`, x - max - log sum exp(x - max) of the row
//   f += scores[r]               where scores are given
// and elements are ordered by f, or with `draw` by f + g, where g = -log(-log u) is Gumbel noise: the order
// is then that of drawing without replacement with probabilities softmax(f) (Kool et al., "Stochastic Beams
// and Where to Find Them", 2019, section 2.2). Values are f without the noise.
//
// A group is `group` neighbouring rows: the beams of one source; index = row within the group * V + v. Equal
// elements: the smaller index first. NaN counts as larger than anything, as in torch.topk.
//
// u of the element is ((w >> 9) + 0.5) / 2^23, w the Philox word (core/random.h) with index row * V + v, rows
// counted over all groups.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// T: f32, or bf16 on CUDA; f is fp32 always.
template <class T>
struct TopK {
  const T* x;  // (rows, width), row stride x_stride
  int64_t x_stride;
  const float* scores;  // (rows) or null
  float* values;        // (rows / group, k)
  int32_t* indices;     // (rows / group, k)
  int64_t rows, width, group, k;
  bool log_softmax, draw;
  uint64_t seed, call;
};

constexpr int64_t top_k_most_on_cuda = 1024;

void top_k(Cpu, const TopK<float>& a);
template <class T>
void top_k(Cuda, const TopK<T>& a);

}  // namespace athanor
