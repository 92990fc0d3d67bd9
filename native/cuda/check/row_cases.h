// What the checks of kernels on rows share: matrices on both sides, and sizes at the edges of every way to
// hold a row (row_team.h).
#pragma once

#include <type_traits>

#include "cuda/check/kernel_check.h"

namespace athanor {

// The same (rows, width) numbers on host and device, as T holds them; rows `stride` elements apart, the first
// `offset` elements off an aligned address.
template <class T>
struct RowsOnBoth {
  RowsOnBoth(KernelCheck& check, int64_t rows, int64_t width, int64_t stride = 0, size_t offset = 0)
      : RowsOnBoth(check.random.floats(static_cast<size_t>(rows * (stride ? stride : width)), -2, 2), width,
                   stride, offset) {}
  RowsOnBoth(const std::vector<float>& values, int64_t width, int64_t stride = 0, size_t offset = 0)
      : stride(stride ? stride : width), host(rounded_to<T>(values)), device(host, offset) {}

  const T* data() const { return device.data(); }

  const int64_t stride;
  const std::vector<float> host;
  const DeviceArray<T> device;
};

// Within `relative` of values of about 1, and, for bf16, one rounding of the result.
template <class T>
Tolerance rounding(double relative) {
  return {relative, relative + (std::is_same_v<T, bf16> ? 0x1.01p-8 : 0.0)};
}

// Elements that a warp's lanes hold (256, 512, 768, 1024) or a block's threads (4096, 8192), and the pieces
// of 4 or 8 that they are read in.
const std::vector<int64_t> row_widths = {1,    2,    3,    4,    5,    7,    8,    9,    31,   33,   255,
                                         256,  257,  511,  512,  513,  767,  768,  769,  1023, 1024, 1025,
                                         2048, 4095, 4096, 4097, 4104, 8191, 8192, 8193, 8200};

}  // namespace athanor
