// segment_softmax on CUDA against the CPU's.
#include "cuda/check/kernel_check.h"
#include "cuda/check/segments.h"
#include "ops/segment/segment.h"

namespace athanor {
namespace {

struct SoftmaxCase {
  std::vector<int32_t> lengths;
  int64_t width, more_stride;
};

template <class T>
void check_forward(KernelCheck& check, const SoftmaxCase& c, std::vector<float> x = {}) {
  const std::vector<int32_t> offsets = offsets_of(c.lengths);
  const int64_t batch = static_cast<int64_t>(c.lengths.size()), rows = offsets.back();
  const int64_t stride = c.width + c.more_stride;
  if (x.empty()) x = check.random.floats(static_cast<size_t>(rows * stride), -8, 8);
  x = rounded_to<T>(x);
  std::vector<float> y(static_cast<size_t>(rows * c.width));
  segment_softmax_forward(Cpu{},
                          SegmentSoftmaxForward<float>{
                              x.data(), stride, {offsets.data(), nullptr}, y.data(), batch, rows, c.width});
  DeviceArray<T> device_x(x), device_y(y.size());
  DeviceArray<int32_t> device_offsets(offsets);
  segment_softmax_forward(
      check.cuda,
      SegmentSoftmaxForward<T>{
          device_x.data(), stride, {device_offsets.data(), nullptr}, device_y.data(), batch, rows, c.width});
  check.close("y of width " + std::to_string(c.width), device_y.floats(), y, {1e-7, 4e-6 + rounding<T>});
}

template <class T>
void check_backward(KernelCheck& check, const SoftmaxCase& c) {
  const std::vector<int32_t> offsets = offsets_of(c.lengths);
  const int64_t batch = static_cast<int64_t>(c.lengths.size()), rows = offsets.back();
  const size_t size = static_cast<size_t>(rows * c.width);
  const std::vector<float> dy = rounded_to<T>(check.random.normals(size));
  const std::vector<float> y = rounded_to<T>(check.random.floats(size, 0, 0.5f));
  std::vector<float> dx(size);
  segment_softmax_backward(
      Cpu{}, SegmentSoftmaxBackward<float>{
                 dy.data(), y.data(), {offsets.data(), nullptr}, dx.data(), batch, rows, c.width});
  DeviceArray<T> device_dy(dy), device_y(y), device_dx(size);
  DeviceArray<int32_t> device_offsets(offsets);
  segment_softmax_backward(check.cuda, SegmentSoftmaxBackward<T>{device_dy.data(),
                                                                 device_y.data(),
                                                                 {device_offsets.data(), nullptr},
                                                                 device_dx.data(),
                                                                 batch,
                                                                 rows,
                                                                 c.width});
  check.close("dx of width " + std::to_string(c.width), device_dx.floats(), dx, {1e-5, 1e-5 + rounding<T>});
}

void check_both(KernelCheck& check, const SoftmaxCase& c) {
  check_forward<float>(check, c);
  check_forward<bf16>(check, c);
  check_backward<float>(check, c);
  check_backward<bf16>(check, c);
}

KERNEL_CHECK(segment_softmax, "widths and strides") {
  for (int64_t width : {0, 1, 2, 3, 12, 31, 32, 33, 65}) {
    check_both(check, {{3, 1, 9}, width, 0});
    check_both(check, {{3, 0, 9}, width, 5});
  }
}

KERNEL_CHECK(segment_softmax, "lengths around the strands") {
  for (int32_t length : {0, 1, 7, 8, 9, 17}) check_both(check, {{2, length, 1}, 32, 0});
  for (int32_t length : {63, 64, 65, 130}) check_both(check, {{2, length, 1}, 4, 0});
  for (int32_t length : {255, 256, 257, 600}) check_both(check, {{2, length, 1}, 1, 0});
}

KERNEL_CHECK(segment_softmax, "numbers of sequences") {
  check_both(check, {{}, 3, 0});
  check_both(check, {{0, 0}, 3, 0});
  check_both(check, {std::vector<int32_t>(70, 3), 2, 0});
}

KERNEL_CHECK(segment_softmax, "large logits, masked ones, NaN") {
  const float nan_value = std::nanf("");
  for (const std::vector<float>& x : std::vector<std::vector<float>>{{3e38f, 3e38f, -3e38f},
                                                                     {-INFINITY, 1, 2},
                                                                     {-INFINITY, -INFINITY, -INFINITY},
                                                                     {1, nan_value, 2},
                                                                     {-1e30f, -1e30f, -1e30f}}) {
    check_forward<float>(check, {{3}, 1, 0}, x);
    check_forward<float>(check, {{1}, 3, 0}, x);
  }
}

KERNEL_CHECK(segment_softmax, "offsets that are none") {
  check.fails("segment_softmax: offsets must never decrease, got 2 then 1 at sequence 1", [&] {
    DeviceArray<float> x(3), y(3);
    DeviceArray<int32_t> offsets(std::vector<int32_t>{0, 2, 1, 3});
    segment_softmax_forward(
        check.cuda, SegmentSoftmaxForward<float>{x.data(), 1, {offsets.data(), nullptr}, y.data(), 3, 3, 1});
  });
}

}  // namespace
}  // namespace athanor
