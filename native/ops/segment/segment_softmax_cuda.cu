// segment_softmax on CUDA: a block per sequence and strip of columns. The rows are read three times (largest,
// sum, result), from the first-level cache where a sequence is as short as sentences are.
#include "cuda/bf16.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"
#include "ops/segment/segment_block.h"

namespace athanor {

namespace {

template <class T>
__global__ void __launch_bounds__(segment_threads)
    segment_softmax_forward_kernel(SegmentStrips strips, SegmentSoftmaxForward<T> a) {
  SHARED(float, place, [segment_threads]);
  const SegmentBlock block(strips, a.offsets.data, 1);
  const int64_t first = block.column < a.width ? block.begin + block.strand : block.end;
  const auto x = [&](int64_t row) { return to_float(a.x[row * a.x_stride + block.column]); };
  float largest = -INFINITY, total = 0.0f;
  for (int64_t row = first; row < block.end; row += block.strands) largest = fmaxf(largest, x(row));
  largest = block.combine(place, largest, Larger{});
  for (int64_t row = first; row < block.end; row += block.strands) total += expf(x(row) - largest);
  total = block.combine(place, total, Plus{});
  for (int64_t row = first; row < block.end; row += block.strands) {
    a.y[row * a.width + block.column] = from_float<T>(expf(x(row) - largest) / total);
  }
}

template <class T>
__global__ void __launch_bounds__(segment_threads)
    segment_softmax_backward_kernel(SegmentStrips strips, SegmentSoftmaxBackward<T> a) {
  SHARED(float, place, [segment_threads]);
  const SegmentBlock block(strips, a.offsets.data, 1);
  const int64_t first = block.column < a.width ? block.begin + block.strand : block.end;
  float total = 0.0f;
  for (int64_t row = first; row < block.end; row += block.strands) {
    const int64_t at = row * a.width + block.column;
    total += to_float(a.dy[at]) * to_float(a.y[at]);
  }
  total = block.combine(place, total, Plus{});
  for (int64_t row = first; row < block.end; row += block.strands) {
    const int64_t at = row * a.width + block.column;
    a.dx[at] = from_float<T>((to_float(a.dy[at]) - total) * to_float(a.y[at]));
  }
}

}  // namespace

template <class T>
void segment_softmax_forward(Cuda cuda, const SegmentSoftmaxForward<T>& a) {
  check_offsets(cuda, a.offsets, a.batch, a.rows, "segment_softmax", "offsets");
  if (a.rows == 0 || a.width == 0) return;
  const SegmentStrips strips = segment_strips(a.width, 1);
  launch(segment_softmax_forward_kernel<T>, static_cast<unsigned>(a.batch * strips.count), segment_threads, 0,
         cuda.stream, strips, a);
}

template <class T>
void segment_softmax_backward(Cuda cuda, const SegmentSoftmaxBackward<T>& a) {
  if (a.rows == 0 || a.width == 0) return;
  const SegmentStrips strips = segment_strips(a.width, 1);
  launch(segment_softmax_backward_kernel<T>, static_cast<unsigned>(a.batch * strips.count), segment_threads,
         0, cuda.stream, strips, a);
}

template void segment_softmax_forward(Cuda, const SegmentSoftmaxForward<float>&);
template void segment_softmax_forward(Cuda, const SegmentSoftmaxForward<bf16>&);
template void segment_softmax_backward(Cuda, const SegmentSoftmaxBackward<float>&);
template void segment_softmax_backward(Cuda, const SegmentSoftmaxBackward<bf16>&);

}  // namespace athanor
