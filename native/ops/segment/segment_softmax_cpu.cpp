// A job is one sequence. One column is a vector of its rows and uses the row kernels; several columns go row
// by row, with the column's largest value and sum in scratch.
#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

void soften_columns(const SegmentSoftmaxForward<float>& a, int64_t begin, int64_t end, Worker& worker) {
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(a.width);
  float* largest = worker.floats(n, 0);  // (C)
  float* total = worker.floats(n, 1);    // (C)
  k.fill(largest, -std::numeric_limits<float>::infinity(), n);
  for (int64_t row = begin; row < end; row++) {
    const float* x = a.x + row * a.x_stride;
    for (size_t c = 0; c < n; c++)
      largest[c] = x[c] <= largest[c] || largest[c] != largest[c] ? largest[c] : x[c];
  }
  k.fill(total, 0.0f, n);
  for (int64_t row = begin; row < end; row++) {
    k.arithmetic(Arithmetic::subtract, a.y + row * a.width, a.x + row * a.x_stride, largest, n);
  }
  float* all = a.y + begin * a.width;  // the sequence's rows
  k.function(Function::exp, all, all, static_cast<size_t>(end - begin) * n);
  for (int64_t row = begin; row < end; row++) {
    k.arithmetic(Arithmetic::add, total, total, a.y + row * a.width, n);
  }
  for (int64_t row = begin; row < end; row++) {
    float* y = a.y + row * a.width;
    k.arithmetic(Arithmetic::divide, y, y, total, n);
  }
}

void soften_vector(const SegmentSoftmaxForward<float>& a, int64_t begin, int64_t end) {
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(end - begin);
  float* y = a.y + begin;
  for (int64_t row = begin; row < end; row++) a.y[row] = a.x[row * a.x_stride];
  const float total = k.exp_sum(y, y, k.maximum(y, n), n);
  k.arithmetic_scalar(Arithmetic::divide, y, y, total, n);
}

void backward_columns(const SegmentSoftmaxBackward<float>& a, int64_t begin, int64_t end, Worker& worker) {
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(a.width);
  float* total = worker.floats(n);  // (C): sum of dy y
  k.fill(total, 0.0f, n);
  for (int64_t row = begin; row < end; row++)
    k.add_product(total, a.dy + row * a.width, a.y + row * a.width, n);
  for (int64_t row = begin; row < end; row++) {
    float* dx = a.dx + row * a.width;
    k.arithmetic(Arithmetic::subtract, dx, a.dy + row * a.width, total, n);
    k.arithmetic(Arithmetic::multiply, dx, dx, a.y + row * a.width, n);
  }
}

}  // namespace

void segment_softmax_forward(Cpu, const SegmentSoftmaxForward<float>& a) {
  check_offsets(Cpu{}, a.offsets, a.batch, a.rows, "segment_softmax", "offsets");
  parallel_for(static_cast<size_t>(a.batch), [&](size_t b, Worker& worker) {
    const int64_t begin = a.offsets.data[b], end = a.offsets.data[b + 1];
    if (begin == end) return;
    if (a.width == 1) {
      soften_vector(a, begin, end);
    } else {
      soften_columns(a, begin, end, worker);
    }
  });
}

void segment_softmax_backward(Cpu, const SegmentSoftmaxBackward<float>& a) {
  parallel_for(static_cast<size_t>(a.batch), [&](size_t b, Worker& worker) {
    const int64_t begin = a.offsets.data[b], end = a.offsets.data[b + 1];
    if (a.width == 1) {
      kernels().softmax_backward(a.dx + begin, a.dy + begin, a.y + begin, static_cast<size_t>(end - begin));
    } else {
      backward_columns(a, begin, end, worker);
    }
  });
}

}  // namespace athanor
