// segment_reduce on CUDA: a block per sequence and strip of columns, whose strands of threads share the rows;
// sums of 64 rows are added to sums, as on the CPU. The gradient goes row by row and finds each row's
// sequence.
#include "cuda/bf16.h"
#include "cuda/vector.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"
#include "ops/segment/segment_block.h"

namespace athanor {

namespace {

constexpr int rows_per_part = 64;
constexpr int32_t no_row = 0x7FFFFFFF;

template <class E, int count>
struct Columns {
  E value[count];
};

template <int pack>
__device__ Columns<float, pack> operator+(const Columns<float, pack>& a, const Columns<float, pack>& b) {
  Columns<float, pack> sum;
  for (int i = 0; i < pack; i++) sum.value[i] = a.value[i] + b.value[i];
  return sum;
}

template <int pack, class T>
__global__ void __launch_bounds__(segment_threads)
    segment_sum_forward_kernel(SegmentStrips strips, SegmentReduceForward<T> a) {
  using Sums = Columns<float, pack>;
  const SegmentBlock block(strips, a.offsets.data, pack);
  Sums total{}, part{};
  int rows = 0;
  const bool inside = block.column < a.width;
#pragma unroll 4
  for (int64_t row = block.begin + block.strand; inside && row < block.end; row += block.strands) {
    const Vector<T, pack> x = load_vector<pack>(a.x + row * a.x_stride + block.column);
    for (int i = 0; i < pack; i++) part.value[i] += to_float(x[i]);
    if (++rows % rows_per_part == 0) {
      total = total + part;
      part = Sums{};
    }
  }
  SHARED(Sums, place, [segment_threads]);
  total = block.combine(place, total + part, Plus{});
  if (!inside || block.strand > 0) return;
  const float length = static_cast<float>(block.end - block.begin);
  const bool mean = a.kind == SegmentKind::mean && block.end > block.begin;
  Vector<T, pack> y;
  for (int i = 0; i < pack; i++) y[i] = from_float<T>(mean ? total.value[i] / length : total.value[i]);
  store_vector(a.y + block.sequence * a.width + block.column, y);
}

struct Found {
  float value;
  int32_t row;
};

// The first NaN, else the first of the largest.
__device__ Found better(const Found& a, const Found& b) {
  const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
  const bool equal = nan_a ? nan_b : a.value == b.value;
  const bool second = equal ? b.row < a.row : nan_b || (!nan_a && b.value > a.value);
  return second ? b : a;
}

template <int pack>
struct BetterColumns {
  using Best = Columns<Found, pack>;
  __device__ Best operator()(const Best& a, const Best& b) const {
    Best best;
    for (int i = 0; i < pack; i++) best.value[i] = better(a.value[i], b.value[i]);
    return best;
  }
};

template <int pack, class T>
__global__ void __launch_bounds__(segment_threads)
    segment_max_forward_kernel(SegmentStrips strips, SegmentReduceForward<T> a) {
  using Best = Columns<Found, pack>;
  const SegmentBlock block(strips, a.offsets.data, pack);
  Best best;
  for (int i = 0; i < pack; i++) best.value[i] = {-INFINITY, no_row};
  const bool inside = block.column < a.width;
#pragma unroll 4
  for (int64_t row = block.begin + block.strand; inside && row < block.end; row += block.strands) {
    const Vector<T, pack> x = load_vector<pack>(a.x + row * a.x_stride + block.column);
    for (int i = 0; i < pack; i++) {
      best.value[i] = better(best.value[i], {to_float(x[i]), static_cast<int32_t>(row)});
    }
  }
  SHARED(Best, place, [segment_threads]);
  best = block.combine(place, best, BetterColumns<pack>{});
  if (!inside || block.strand > 0) return;
  const int64_t at = block.sequence * a.width + block.column;
  for (int i = 0; i < pack; i++) {
    a.y[at + i] = from_float<T>(best.value[i].value);
    if (a.argmax) a.argmax[at + i] = best.value[i].row;
  }
}

template <int pack, class T>
__global__ void __launch_bounds__(tile_threads)
    segment_reduce_backward_kernel(Tiles tiles, SegmentReduceBackward<T> a) {
  for_each_pack<pack>(tiles, [&](int64_t row, int64_t column) {
    const int64_t b = sequence_of(a.offsets.data, a.batch, row);
    const float length = static_cast<float>(a.offsets.data[b + 1] - a.offsets.data[b]);
    const Vector<T, pack> dy = load_vector<pack>(a.dy + b * a.dy_stride + column);
    Vector<T, pack> dx = dy;
    for (int i = 0; i < pack; i++) {
      if (a.kind == SegmentKind::mean) dx[i] = from_float<T>(to_float(dy[i]) / length);
      if (a.kind == SegmentKind::max && a.argmax[b * a.width + column + i] != row)
        dx[i] = from_float<T>(0.0f);
    }
    store_vector(a.dx + row * a.width + column, dx);
  });
}

template <int pack, class T>
void reduce_forward(const Cuda& cuda, const SegmentReduceForward<T>& a) {
  const SegmentStrips strips = segment_strips(a.width, pack);
  launch(
      a.kind == SegmentKind::max ? segment_max_forward_kernel<pack, T> : segment_sum_forward_kernel<pack, T>,
      static_cast<unsigned>(a.batch * strips.count), segment_threads, 0, cuda.stream, strips, a);
}

template <int pack, class T>
void reduce_backward(const Cuda& cuda, const SegmentReduceBackward<T>& a) {
  const Tiles tiles = tiles_for(a.rows, a.width, pack);
  launch(segment_reduce_backward_kernel<pack, T>, grid_for(cuda, tiles, pack), tile_threads, 0, cuda.stream,
         tiles, a);
}

template <class T>
constexpr int full_pack = 16 / static_cast<int>(sizeof(T));

}  // namespace

template <class T>
void segment_reduce_forward(Cuda cuda, const SegmentReduceForward<T>& a) {
  const HostIndices offsets(cuda, a.offsets, a.batch + 1);
  check_offsets(offsets.data(), a.batch, a.rows, "segment_reduce", "offsets", ErrorCode::data);
  if (a.kind == SegmentKind::max) check_not_empty(offsets.data(), a.batch);
  if (a.batch == 0 || a.width == 0) return;
  constexpr int pack = full_pack<T>;
  const bool vectors = aligned_for<pack>(a.x, a.x_stride) && aligned_for<pack>(a.y, a.width);
  vectors ? reduce_forward<pack>(cuda, a) : reduce_forward<1>(cuda, a);
}

// Whatever the offsets hold, every row finds a sequence there is: bad ones failed in the forward.
template <class T>
void segment_reduce_backward(Cuda cuda, const SegmentReduceBackward<T>& a) {
  if (a.rows == 0 || a.width == 0) return;
  constexpr int pack = full_pack<T>;
  const bool vectors = aligned_for<pack>(a.dy, a.dy_stride) && aligned_for<pack>(a.dx, a.width);
  vectors ? reduce_backward<pack>(cuda, a) : reduce_backward<1>(cuda, a);
}

template void segment_reduce_forward(Cuda, const SegmentReduceForward<float>&);
template void segment_reduce_forward(Cuda, const SegmentReduceForward<bf16>&);
template void segment_reduce_backward(Cuda, const SegmentReduceBackward<float>&);
template void segment_reduce_backward(Cuda, const SegmentReduceBackward<bf16>&);

}  // namespace athanor
