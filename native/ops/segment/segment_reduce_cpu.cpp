// A job is one sequence and a strip of columns that stays in L1.
#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

constexpr int64_t strip = 512;  // columns
constexpr int64_t block = 64;   // rows: sums of sums lose less than one long sum

size_t jobs(int64_t batch, int64_t width) {
  return static_cast<size_t>(batch * ((width + strip - 1) / strip));
}

struct Job {
  int64_t b, column;
  size_t columns;
};

Job job_of(size_t index, int64_t width) {
  const int64_t strips = (width + strip - 1) / strip, i = static_cast<int64_t>(index);
  const int64_t column = i % strips * strip;
  return {i / strips, column, static_cast<size_t>(std::min(strip, width - column))};
}

void add_rows(const SegmentReduceForward<float>& a, const Job& job, float* y) {
  const Kernels& k = kernels();
  float part[strip];
  const int64_t begin = a.offsets.data[job.b], end = a.offsets.data[job.b + 1];
  k.fill(y, 0.0f, job.columns);
  for (int64_t first = begin; first < end; first += block) {
    k.fill(part, 0.0f, job.columns);
    for (int64_t row = first; row < std::min(first + block, end); row++) {
      k.arithmetic(Arithmetic::add, part, part, a.x + row * a.x_stride + job.column, job.columns);
    }
    k.arithmetic(Arithmetic::add, y, y, part, job.columns);
  }
  if (a.kind == SegmentKind::mean && end > begin) {
    k.arithmetic_scalar(Arithmetic::divide, y, y, static_cast<float>(end - begin), job.columns);
  }
}

void find_largest(const SegmentReduceForward<float>& a, const Job& job, float* y, int32_t* argmax) {
  const int32_t begin = a.offsets.data[job.b], end = a.offsets.data[job.b + 1];
  int32_t found[strip];
  std::fill(found, found + job.columns, begin);
  std::copy_n(a.x + begin * a.x_stride + job.column, job.columns, y);
  for (int32_t row = begin + 1; row < end; row++) {
    const float* x = a.x + row * a.x_stride + job.column;
    for (size_t c = 0; c < job.columns; c++) {
      // Larger, or the first NaN; without branches, so that the compiler makes vectors of it.
      const bool better = !(x[c] <= y[c]) & (y[c] == y[c]);
      y[c] = better ? x[c] : y[c];
      found[c] = better ? row : found[c];
    }
  }
  if (argmax) std::copy_n(found, job.columns, argmax);
}

}  // namespace

void check_not_empty(const int32_t* offsets, int64_t batch) {
  for (int64_t b = 0; b < batch; b++) {
    if (offsets[b] < offsets[b + 1]) continue;
    throw Error(ErrorCode::data, "segment_reduce: max needs a row in every sequence, got none in sequence " +
                                     std::to_string(b));
  }
}

void segment_reduce_forward(Cpu, const SegmentReduceForward<float>& a) {
  check_offsets(Cpu{}, a.offsets, a.batch, a.rows, "segment_reduce", "offsets");
  if (a.kind == SegmentKind::max) check_not_empty(a.offsets.data, a.batch);
  parallel_for(jobs(a.batch, a.width), [&](size_t index, Worker&) {
    const Job job = job_of(index, a.width);
    const int64_t at = job.b * a.width + job.column;
    if (a.kind == SegmentKind::max) {
      find_largest(a, job, a.y + at, a.argmax ? a.argmax + at : nullptr);
    } else {
      add_rows(a, job, a.y + at);
    }
  });
}

void segment_reduce_backward(Cpu, const SegmentReduceBackward<float>& a) {
  parallel_for(jobs(a.batch, a.width), [&](size_t index, Worker&) {
    const Kernels& k = kernels();
    const Job job = job_of(index, a.width);
    const float* dy = a.dy + job.b * a.dy_stride + job.column;
    float* dx = a.dx + job.column;
    const int64_t begin = a.offsets.data[job.b], end = a.offsets.data[job.b + 1];
    for (int64_t row = begin; row < end; row++) {
      float* target = dx + row * a.width;
      if (a.kind == SegmentKind::max) {
        k.fill(target, 0.0f, job.columns);
      } else if (a.kind == SegmentKind::mean) {
        k.arithmetic_scalar(Arithmetic::divide, target, dy, static_cast<float>(end - begin), job.columns);
      } else {
        std::copy_n(dy, job.columns, target);
      }
    }
    if (a.kind != SegmentKind::max) return;
    const int32_t* argmax = a.argmax + job.b * a.width + job.column;
    for (size_t c = 0; c < job.columns; c++) dx[argmax[c] * a.width + static_cast<int64_t>(c)] = dy[c];
  });
}

}  // namespace athanor
