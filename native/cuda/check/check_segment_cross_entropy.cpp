// segment_cross_entropy on CUDA against the CPU's, both directions.
#include "cuda/check/kernel_check.h"
#include "cuda/check/segments.h"
#include "ops/segment/segment.h"

namespace athanor {
namespace {

constexpr int64_t usual = -100;  // the label that is ignored

template <class T>
void check_both(KernelCheck& check, const std::vector<int32_t>& lengths, const std::vector<int32_t>& labels,
                float scale = 5, int64_t ignored = usual) {
  const std::vector<int32_t> offsets = offsets_of(lengths);
  const int64_t batch = static_cast<int64_t>(lengths.size()), rows = offsets.back();
  const std::vector<float> x = rounded_to<T>(check.random.floats(static_cast<size_t>(rows), -scale, scale));
  const std::vector<float> dloss{1.7f};
  std::vector<float> loss(1), losses(lengths.size()), lse(lengths.size()), dx(x.size());
  const Indices host_offsets{offsets.data(), nullptr}, host_labels{labels.data(), nullptr};
  segment_cross_entropy_forward(
      Cpu{}, SegmentCrossEntropyForward<float>{x.data(), host_offsets, host_labels, ignored, loss.data(),
                                               losses.data(), lse.data(), batch, rows});
  segment_cross_entropy_backward(
      Cpu{}, SegmentCrossEntropyBackward<float>{dloss.data(), x.data(), host_offsets, host_labels, ignored,
                                                lse.data(), dx.data(), batch, rows});
  DeviceArray<T> device_x(x), device_dx(dx.size());
  DeviceArray<int32_t> device_offsets(offsets), device_labels(labels);
  DeviceArray<float> device_loss(1), device_losses(losses.size()), device_lse(lse.size()),
      device_dloss(dloss);
  const Indices at{device_offsets.data(), nullptr}, positions{device_labels.data(), nullptr};
  segment_cross_entropy_forward(
      check.cuda, SegmentCrossEntropyForward<T>{device_x.data(), at, positions, ignored, device_loss.data(),
                                                device_losses.data(), device_lse.data(), batch, rows});
  segment_cross_entropy_backward(
      check.cuda, SegmentCrossEntropyBackward<T>{device_dloss.data(), device_x.data(), at, positions, ignored,
                                                 device_lse.data(), device_dx.data(), batch, rows});
  check.close("loss", device_loss.floats(), loss, {1e-6, 2e-6});
  check.close("losses", device_losses.floats(), losses, {2e-6, 2e-6});
  check.close("lse", device_lse.floats(), lse, {2e-6, 2e-6});
  check.close("dlogits", device_dx.floats(), dx, {1e-6, 1e-5 + rounding<T>});
}

void check_types(KernelCheck& check, const std::vector<int32_t>& lengths, const std::vector<int32_t>& labels,
                 float scale = 5, int64_t ignored = usual) {
  check_both<float>(check, lengths, labels, scale, ignored);
  check_both<bf16>(check, lengths, labels, scale, ignored);
}

KERNEL_CHECK(segment_cross_entropy, "lengths around the block") {
  for (int32_t length : {1, 2, 31, 32, 33, 127, 128, 129, 300}) {
    check_types(check, {length, 1, length}, {length - 1, 0, length / 2});
  }
}

KERNEL_CHECK(segment_cross_entropy, "labels that do not count") {
  check_types(check, {4, 4, 4, 4, 0}, {3, 4, -1, -100, 0});
  check_types(check, {4, 4, 4}, {1, 2, 0}, 5, 2);
  check_types(check, {4, 2}, {-100, 2});  // none: NaN, and a gradient of 0
  check_types(check, {}, {});
  check_types(check, {0}, {0});
}

KERNEL_CHECK(segment_cross_entropy, "numbers of sequences around the block") {
  for (size_t batch : {1, 255, 256, 257, 520}) {
    std::vector<int32_t> labels = check.random.integers(batch, -1, 3);
    labels[0] = 0;
    check_types(check, std::vector<int32_t>(batch, 3), labels);
  }
}

KERNEL_CHECK(segment_cross_entropy, "large logits") {
  check_types(check, {5, 70}, {1, 69}, 1e4f);
}

KERNEL_CHECK(segment_cross_entropy, "offsets that are none") {
  check.fails("segment_cross_entropy: offsets must start at 0, got 1", [&] {
    DeviceArray<float> x(3), out(3);
    DeviceArray<int32_t> offsets(std::vector<int32_t>{1, 3}), labels(std::vector<int32_t>{0});
    segment_cross_entropy_forward(check.cuda, SegmentCrossEntropyForward<float>{x.data(),
                                                                                {offsets.data(), nullptr},
                                                                                {labels.data(), nullptr},
                                                                                usual,
                                                                                out.data(),
                                                                                out.data(),
                                                                                out.data(),
                                                                                1,
                                                                                3});
  });
}

}  // namespace
}  // namespace athanor
