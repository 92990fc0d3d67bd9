// A job is one sequence; the losses are then added in order.
#include <cmath>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

template <class Arguments>
bool counted(const Arguments& a, int64_t b) {
  return a.labels.data[b] != a.ignore_index && a.labels.data[b] >= 0 &&
         a.labels.data[b] < a.offsets.data[b + 1] - a.offsets.data[b];
}

template <class Arguments>
int64_t count(const Arguments& a) {
  int64_t n = 0;
  for (int64_t b = 0; b < a.batch; b++) n += counted(a, b);
  return n;
}

}  // namespace

void segment_cross_entropy_forward(Cpu, const SegmentCrossEntropyForward<float>& a) {
  check_offsets(Cpu{}, a.offsets, a.batch, a.rows, "segment_cross_entropy", "offsets");
  parallel_for(static_cast<size_t>(a.batch), [&](size_t index, Worker&) {
    const int64_t b = static_cast<int64_t>(index);
    const float* x = a.logits + a.offsets.data[b];
    const size_t n = static_cast<size_t>(a.offsets.data[b + 1] - a.offsets.data[b]);
    a.losses[b] = a.lse[b] = 0.0f;
    if (!counted(a, b)) return;
    const float largest = kernels().maximum(x, n);
    const float rest = std::log(kernels().exp_sum(nullptr, x, largest, n));
    a.lse[b] = largest + rest;
    a.losses[b] = (largest - x[a.labels.data[b]]) + rest;  // near scores subtracted first: nothing is lost
  });
  double total = 0;
  for (int64_t b = 0; b < a.batch; b++) total += static_cast<double>(a.losses[b]);
  const int64_t n = count(a);
  *a.loss =
      n == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(total / static_cast<double>(n));
}

void segment_cross_entropy_backward(Cpu, const SegmentCrossEntropyBackward<float>& a) {
  const float factor = *a.dloss / static_cast<float>(count(a));
  parallel_for(static_cast<size_t>(a.batch), [&](size_t index, Worker&) {
    const int64_t b = static_cast<int64_t>(index), begin = a.offsets.data[b];
    const size_t n = static_cast<size_t>(a.offsets.data[b + 1] - begin);
    float* dx = a.dlogits + begin;
    if (!counted(a, b)) {
      kernels().fill(dx, 0.0f, n);
      return;
    }
    kernels().exp_sum(dx, a.logits + begin, a.lse[b], n);
    dx[a.labels.data[b]] -= 1.0f;
    kernels().scale(dx, factor, dx, n);
  });
}

}  // namespace athanor
