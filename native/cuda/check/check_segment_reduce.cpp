// segment_reduce on CUDA against the CPU's.
#include <limits>

#include "cuda/check/kernel_check.h"
#include "cuda/check/segments.h"
#include "ops/segment/segment.h"

namespace athanor {
namespace {

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

struct ReduceCase {
  std::vector<int32_t> lengths;
  int64_t width, more_stride;
  size_t shift = 0, shift_out = 0;  // of what is read and what is written, in elements
};

template <class T>
void check_forward(KernelCheck& check, SegmentKind kind, const ReduceCase& c, std::vector<float> x = {}) {
  const std::vector<int32_t> offsets = offsets_of(c.lengths);
  const int64_t batch = static_cast<int64_t>(c.lengths.size()), rows = offsets.back();
  const int64_t stride = c.width + c.more_stride;
  if (x.empty()) x = check.random.normals(static_cast<size_t>(rows * stride));
  x = rounded_to<T>(x);
  std::vector<float> y(static_cast<size_t>(batch * c.width));
  std::vector<int32_t> argmax(y.size());
  segment_reduce_forward(
      Cpu{},
      SegmentReduceForward<float>{
          kind, x.data(), stride, {offsets.data(), nullptr}, y.data(), argmax.data(), batch, rows, c.width});
  DeviceArray<T> device_x(x, c.shift), device_y(y.size(), c.shift_out);
  DeviceArray<int32_t> device_offsets(offsets), device_argmax(argmax.size());
  SegmentReduceForward<T> a{kind,
                            device_x.data(),
                            stride,
                            {device_offsets.data(), nullptr},
                            device_y.data(),
                            kind == SegmentKind::max ? device_argmax.data() : nullptr,
                            batch,
                            rows,
                            c.width};
  segment_reduce_forward(check.cuda, a);
  const std::string what = "y of width " + std::to_string(c.width);
  if (kind == SegmentKind::max) {
    check.same(what, device_y.floats(), y);
    check.same("argmax", device_argmax.download(), argmax);
  } else {
    check.close(what, device_y.floats(), y, {3e-5, 1e-6 + rounding<T>});
  }
}

template <class T>
void check_backward(KernelCheck& check, SegmentKind kind, const ReduceCase& c) {
  const std::vector<int32_t> offsets = offsets_of(c.lengths);
  const int64_t batch = static_cast<int64_t>(c.lengths.size()), rows = offsets.back();
  const int64_t stride = c.width + c.more_stride;
  const std::vector<float> dy = rounded_to<T>(check.random.normals(static_cast<size_t>(batch * stride)));
  std::vector<int32_t> argmax(static_cast<size_t>(batch * c.width));
  for (size_t i = 0; i < argmax.size(); i++) {
    const size_t b = i / static_cast<size_t>(c.width);
    argmax[i] = offsets[b] + check.random.integer(0, std::max(c.lengths[b] - 1, 0));
  }
  std::vector<float> dx(static_cast<size_t>(rows * c.width));
  if (kind == SegmentKind::max) {
    for (int32_t length : c.lengths) check.expect(length > 0, "max has a row in every sequence");
  }
  segment_reduce_backward(Cpu{}, SegmentReduceBackward<float>{kind,
                                                              dy.data(),
                                                              stride,
                                                              {offsets.data(), nullptr},
                                                              argmax.data(),
                                                              dx.data(),
                                                              batch,
                                                              rows,
                                                              c.width});
  DeviceArray<T> device_dy(dy, c.shift), device_dx(dx.size(), c.shift_out);
  DeviceArray<int32_t> device_offsets(offsets), device_argmax(argmax);
  SegmentReduceBackward<T> a{kind,
                             device_dy.data(),
                             stride,
                             {device_offsets.data(), nullptr},
                             device_argmax.data(),
                             device_dx.data(),
                             batch,
                             rows,
                             c.width};
  segment_reduce_backward(check.cuda, a);
  check.close("dx of width " + std::to_string(c.width), device_dx.floats(), dx, {0, 1e-6 + rounding<T>});
}

template <class Run>
void for_kinds(const Run& run) {
  for (SegmentKind kind : {SegmentKind::sum, SegmentKind::mean, SegmentKind::max}) run(kind);
}

void check_both(KernelCheck& check, const ReduceCase& c) {
  for_kinds([&](SegmentKind kind) {
    check_forward<float>(check, kind, c);
    check_forward<bf16>(check, kind, c);
    check_backward<float>(check, kind, c);
    check_backward<bf16>(check, kind, c);
  });
}

KERNEL_CHECK(segment_reduce, "widths, strides and addresses") {
  for (int64_t width : {0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 127, 128, 129, 260}) {
    check_both(check, {{3, 1, 9}, width, 0});
    check_both(check, {{3, 1, 9}, width, 8});
  }
  check_both(check, {{3, 1, 9}, 16, 3});
  check_both(check, {{3, 1, 9}, 16, 0, 1, 0});
  check_both(check, {{3, 1, 9}, 16, 0, 0, 1});
}

KERNEL_CHECK(segment_reduce, "lengths around the strands and the parts") {
  for (int32_t length : {7, 8, 9, 255, 256, 257, 511, 512, 513, 600})
    check_both(check, {{2, length, 1}, 8, 0});
  for (int32_t length : {255, 256, 257, 1000}) check_both(check, {{2, length, 1}, 1, 0});
}

KERNEL_CHECK(segment_reduce, "numbers of sequences") {
  check_both(check, {{}, 8, 0});
  check_both(check, {{1}, 8, 0});
  check_both(check, {std::vector<int32_t>(70, 2), 8, 0});
}

KERNEL_CHECK(segment_reduce, "empty sequences: 0, and an error for max") {
  for (SegmentKind kind : {SegmentKind::sum, SegmentKind::mean}) {
    for (const auto& lengths : std::vector<std::vector<int32_t>>{{0, 3, 0, 0, 2, 0}, {0}, {0, 0}}) {
      check_forward<float>(check, kind, {lengths, 5, 0});
      check_backward<float>(check, kind, {lengths, 5, 0});
      check_backward<bf16>(check, kind, {lengths, 8, 0});
    }
  }
  check.fails("segment_reduce: max needs a row in every sequence, got none in sequence 1", [&] {
    DeviceArray<float> x(8), y(8);
    DeviceArray<int32_t> offsets(std::vector<int32_t>{0, 1, 1});
    segment_reduce_forward(
        check.cuda,
        SegmentReduceForward<float>{
            SegmentKind::max, x.data(), 4, {offsets.data(), nullptr}, y.data(), nullptr, 2, 1, 4});
  });
}

KERNEL_CHECK(segment_reduce, "max without argmax") {
  const std::vector<float> x{3, 1, 2, 5};
  DeviceArray<float> device_x(x), y(2);
  DeviceArray<int32_t> offsets(std::vector<int32_t>{0, 2});
  segment_reduce_forward(
      check.cuda,
      SegmentReduceForward<float>{
          SegmentKind::max, device_x.data(), 2, {offsets.data(), nullptr}, y.data(), nullptr, 1, 2, 2});
  check.same("y", y.floats(), {3, 5});
}

KERNEL_CHECK(segment_reduce, "offsets that are none") {
  check.fails("segment_reduce: offsets must end at the number of rows 3, got 2", [&] {
    DeviceArray<float> x(12), y(4);
    DeviceArray<int32_t> offsets(std::vector<int32_t>{0, 2});
    segment_reduce_forward(
        check.cuda,
        SegmentReduceForward<float>{
            SegmentKind::sum, x.data(), 4, {offsets.data(), nullptr}, y.data(), nullptr, 1, 3, 4});
  });
}

KERNEL_CHECK(segment_reduce, "the first of equal ones, the first NaN, nothing but -inf") {
  const int64_t width = 4;
  std::vector<float> x(static_cast<size_t>(40 * width));
  for (float& value : x) value = static_cast<float>(check.random.integer(0, 3));
  const auto at = [&](int64_t row, int64_t column) -> float& {
    return x[static_cast<size_t>(row * width + column)];
  };
  at(29, 1) = at(21, 1) = at(13, 1) = nan_value, at(39, 1) = 7;
  for (int64_t row = 0; row < 40; row++) at(row, 2) = -INFINITY;
  at(30, 3) = at(17, 3) = INFINITY;
  for (const auto& lengths : std::vector<std::vector<int32_t>>{{40}, {20, 20}, {1, 38, 1}}) {
    check_forward<float>(check, SegmentKind::max, {lengths, width, 0}, x);
    check_forward<bf16>(check, SegmentKind::max, {lengths, width, 0}, x);
  }
}

// Eight strands of 2500 rows: added up in one line each, their tenths would lose a digit more.
KERNEL_CHECK(segment_reduce, "long sums keep their digits") {
  const int64_t rows = 20000, width = 128;
  DeviceArray<float> x(std::vector<float>(static_cast<size_t>(rows * width), 0.1f)),
      y(static_cast<size_t>(width));
  DeviceArray<int32_t> offsets(std::vector<int32_t>{0, static_cast<int32_t>(rows)});
  segment_reduce_forward(
      check.cuda,
      SegmentReduceForward<float>{
          SegmentKind::mean, x.data(), width, {offsets.data(), nullptr}, y.data(), nullptr, 1, rows, width});
  check.close("mean", y.floats(), std::vector<float>(static_cast<size_t>(width), 0.1f), {0, 1e-6});
}

}  // namespace
}  // namespace athanor
