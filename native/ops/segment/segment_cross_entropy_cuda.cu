// segment_cross_entropy on CUDA: a block per sequence finds its loss, one block adds the losses up in double.
// Backward counts the sequences first.
#include "cuda/bf16.h"
#include "cuda/row_team.h"
#include "cuda/scratch.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

constexpr int threads = 128;  // a sequence has a few hundred logits
constexpr int total_threads = 256;

// Whether sequence b has a label in it.
template <class Arguments>
__device__ bool counted(const Arguments& a, int64_t b) {
  const int32_t label = a.labels.data[b];
  return label != a.ignore_index && label >= 0 && label < a.offsets.data[b + 1] - a.offsets.data[b];
}

template <class T>
__global__ void __launch_bounds__(threads)
    segment_cross_entropy_forward_kernel(SegmentCrossEntropyForward<T> a) {
  const int64_t b = blockIdx.x, begin = a.offsets.data[b], end = a.offsets.data[b + 1];
  const bool first = threadIdx.x == 0;
  if (!counted(a, b)) {
    if (first) a.losses[b] = a.lse[b] = 0.0f;
    return;
  }
  float largest = -INFINITY, sum = 0.0f;
  for (int64_t i = begin + threadIdx.x; i < end; i += threads)
    largest = fmaxf(largest, to_float(a.logits[i]));
  largest = block_max<threads>(largest);
  for (int64_t i = begin + threadIdx.x; i < end; i += threads) sum += expf(to_float(a.logits[i]) - largest);
  sum = block_sum<threads>(sum);
  if (!first) return;
  const float rest = logf(sum);
  a.lse[b] = largest + rest;
  a.losses[b] =
      (largest - to_float(a.logits[begin + a.labels.data[b]])) + rest;  // near ones subtracted first
}

// One block. f(b) added up over all sequences, in an order that depends on their number alone.
template <class V, class F>
__device__ V total_of(BlockTeam& team, int64_t batch, const F& f) {
  V total{};
  for (int64_t b = threadIdx.x; b < batch; b += total_threads) total += f(b);
  return team.sum(total);
}

template <class Arguments>
__device__ int count_of(BlockTeam& team, const Arguments& a) {
  return total_of<int>(team, a.batch, [&](int64_t b) { return static_cast<int>(counted(a, b)); });
}

template <class T>
__global__ void __launch_bounds__(total_threads)
    segment_cross_entropy_total_kernel(SegmentCrossEntropyForward<T> a) {
  BlockTeam team;
  const double total =
      total_of<double>(team, a.batch, [&](int64_t b) { return static_cast<double>(a.losses[b]); });
  const int count = count_of(team, a);
  if (threadIdx.x == 0) *a.loss = static_cast<float>(total / static_cast<double>(count));  // 0 / 0: NaN
}

template <class T>
__global__ void __launch_bounds__(total_threads)
    segment_cross_entropy_factor_kernel(SegmentCrossEntropyBackward<T> a, float* factor) {
  BlockTeam team;
  const int count = count_of(team, a);
  if (threadIdx.x == 0) *factor = *a.dloss / static_cast<float>(count);
}

template <class T>
__global__ void __launch_bounds__(threads)
    segment_cross_entropy_backward_kernel(SegmentCrossEntropyBackward<T> a, const float* factor) {
  const int64_t b = blockIdx.x, begin = a.offsets.data[b], end = a.offsets.data[b + 1];
  const bool counts = counted(a, b);
  for (int64_t i = begin + threadIdx.x; i < end; i += threads) {
    float dx = 0.0f;
    if (counts) {
      dx = expf(to_float(a.logits[i]) - a.lse[b]);
      if (i == begin + a.labels.data[b]) dx -= 1.0f;
      dx *= *factor;
    }
    a.dlogits[i] = from_float<T>(dx);
  }
}

}  // namespace

template <class T>
void segment_cross_entropy_forward(Cuda cuda, const SegmentCrossEntropyForward<T>& a) {
  check_offsets(cuda, a.offsets, a.batch, a.rows, "segment_cross_entropy", "offsets");
  const unsigned blocks = static_cast<unsigned>(a.batch);
  if (blocks > 0) launch(segment_cross_entropy_forward_kernel<T>, blocks, threads, 0, cuda.stream, a);
  launch(segment_cross_entropy_total_kernel<T>, 1, total_threads, 0, cuda.stream, a);
}

template <class T>
void segment_cross_entropy_backward(Cuda cuda, const SegmentCrossEntropyBackward<T>& a) {
  if (a.rows == 0) return;
  const Scratch<float> factor(cuda, 1);
  launch(segment_cross_entropy_factor_kernel<T>, 1, total_threads, 0, cuda.stream, a, factor.data());
  launch(segment_cross_entropy_backward_kernel<T>, static_cast<unsigned>(a.batch), threads, 0, cuda.stream, a,
         factor.data());
}

template void segment_cross_entropy_forward(Cuda, const SegmentCrossEntropyForward<float>&);
template void segment_cross_entropy_forward(Cuda, const SegmentCrossEntropyForward<bf16>&);
template void segment_cross_entropy_backward(Cuda, const SegmentCrossEntropyBackward<float>&);
template void segment_cross_entropy_backward(Cuda, const SegmentCrossEntropyBackward<bf16>&);

}  // namespace athanor
