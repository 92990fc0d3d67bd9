// What the CUDA kernels of crf.h share: a block of threads takes a sequence, a thread every `blockDim.x`-th
// tag, and rows of K numbers lie in shared memory.
#pragma once

#include "cuda/bf16.h"
#include "cuda/row_team.h"
#include "ops/crf/crf.h"

namespace athanor {

constexpr int crf_most_threads = 256;

inline unsigned crf_threads(int64_t tags) {
  const int64_t warps = (tags + warp_size - 1) / warp_size;
  return static_cast<unsigned>(std::min<int64_t>(warps * warp_size, crf_most_threads));
}

inline size_t crf_shared_bytes(int rows, int64_t tags) {
  return static_cast<size_t>(rows) * static_cast<size_t>(tags) * sizeof(float);
}

// What is subtracted before exp: of nothing but -inf nothing, so that no inf - inf arises.
__device__ inline float crf_shift(float largest) {
  return largest == -INFINITY ? 0.0f : largest;
}

struct CrfSequence {
  int64_t begin, length;

  template <class T>
  __device__ CrfSequence(const CrfScores<T>& in, int64_t b)
      : begin(in.offsets.data[b]), length(in.offsets.data[b + 1] - begin) {}
};

// Calls body(j) for the tags of this thread.
template <class Body>
__device__ inline void for_tags(int tags, const Body& body) {
  for (int j = static_cast<int>(threadIdx.x); j < tags; j += static_cast<int>(blockDim.x)) body(j);
}

// Log of the sum over i of exp(before[i] + transitions[i, j]).
template <class T>
__device__ inline float log_sum_to(const float* before, const T* transitions, int j, int tags) {
  float largest = -INFINITY, sum = 0.0f;
  for (int i = 0; i < tags; i++) largest = fmaxf(largest, before[i] + to_float(transitions[i * tags + j]));
  const float shift = crf_shift(largest);
  for (int i = 0; i < tags; i++) sum += expf(before[i] + to_float(transitions[i * tags + j]) - shift);
  return shift + logf(sum);
}

// The largest of f(j) over all tags, as what is to be subtracted, and the sum of exp(f(j) - that). All
// threads of the block call it and get both; there is a barrier in it.
struct CrfLogSum {
  float shift, sum;
};

template <class F>
__device__ inline CrfLogSum log_sum_of(BlockTeam& team, int tags, const F& f) {
  float largest = -INFINITY, sum = 0.0f;
  for_tags(tags, [&](int j) { largest = fmaxf(largest, f(j)); });
  const float shift = crf_shift(team.max(largest));
  for_tags(tags, [&](int j) { sum += expf(f(j) - shift); });
  return {shift, team.sum(sum)};
}

inline void check_crf_tags(const char* op, int64_t tags) {
  if (tags <= crf_most_tags_cuda) return;
  throw Error(ErrorCode::shape, std::string(op) + ": on CUDA there may be at most " +
                                    std::to_string(crf_most_tags_cuda) + " tags, got " +
                                    std::to_string(tags));
}

}  // namespace athanor
