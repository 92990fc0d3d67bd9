#include "core/rows.h"

#include <cstring>

#include "cpu/kernels.h"
#include "cpu/pool.h"

namespace athanor {

namespace {

constexpr size_t grain = 16384;  // elements per job

}  // namespace

void copy_rows(Cpu, const View& target, const View& source) {
  size_t size = dtype_size(target.dtype);
  size_t bytes = static_cast<size_t>(target.width()) * size;
  char* to = target.data<char>();
  const char* from = source.data<char>();
  if (bytes == 0) return;
  parallel_ranges(static_cast<size_t>(target.rows()), grain * 4 / bytes + 1,
                  [&](size_t begin, size_t end, Worker&) {
                    for (size_t i = begin; i < end; i++) {
                      std::memcpy(to + i * static_cast<size_t>(target.row_stride) * size,
                                  from + i * static_cast<size_t>(source.row_stride) * size, bytes);
                    }
                  });
}

void fill_rows(Cpu, const View& target, float value) {
  float* y = target.data<float>();
  if (target.contiguous()) {
    parallel_ranges(static_cast<size_t>(target.count()), grain, [&](size_t begin, size_t end, Worker&) {
      kernels().fill(y + begin, value, end - begin);
    });
    return;
  }
  for (int64_t row = 0; row < target.rows(); row++) {
    kernels().fill(y + row * target.row_stride, value, static_cast<size_t>(target.width()));
  }
}

void add_rows(Cpu, const View& y, const View& a, const View& b) {
  // Whole tensors are cut by elements, so that one long row is shared out too.
  float* to = y.data<float>();
  const float *left = a.data<float>(), *right = b.data<float>();
  if (y.contiguous() && a.contiguous() && b.contiguous()) {
    parallel_ranges(static_cast<size_t>(y.count()), grain, [&](size_t begin, size_t end, Worker&) {
      kernels().arithmetic(Arithmetic::add, to + begin, left + begin, right + begin, end - begin);
    });
    return;
  }
  size_t width = static_cast<size_t>(y.width());
  if (width == 0) return;
  parallel_ranges(static_cast<size_t>(y.rows()), grain / width + 1, [&](size_t begin, size_t end, Worker&) {
    for (size_t i = begin; i < end; i++) {
      int64_t row = static_cast<int64_t>(i);
      kernels().arithmetic(Arithmetic::add, to + row * y.row_stride, left + row * a.row_stride,
                           right + row * b.row_stride, width);
    }
  });
}

}  // namespace athanor
