// quantize_rows on the device against the CPU: equal bits.
#include "cuda/check/kernel_check.h"
#include "ops/quantize_rows/quantize_rows.h"

namespace athanor {
namespace {

void check_rows(KernelCheck& check, int64_t rows, int64_t width) {
  std::vector<float> x = check.random.normals(static_cast<size_t>(rows * width));
  for (int64_t i = 0; rows > 1 && i < width; i++) x[static_cast<size_t>(width + i)] = 0;  // a row of zeros
  const DeviceArray<float> device_x(x), scale(static_cast<size_t>(rows));
  const DeviceArray<int8_t> q(x.size());
  quantize_rows_forward(check.cuda, QuantizeRows{device_x.data(), q.data(), scale.data(), rows, width});
  std::vector<int8_t> wanted(x.size());
  std::vector<float> wanted_scale(static_cast<size_t>(rows));
  quantize_rows_forward(Cpu{}, {x.data(), wanted.data(), wanted_scale.data(), rows, width});
  const std::string name = std::to_string(rows) + " rows of " + std::to_string(width) + ": ";
  check.same(name + "q", q.download(), wanted);
  check.same(name + "scale", scale.download(), wanted_scale);
}

KERNEL_CHECK(quantize_rows, "equal bits with the CPU") {
  for (int64_t rows : {0, 1, 3}) {
    for (int64_t width : {0, 1, 31, 255, 256, 257, 700}) check_rows(check, rows, width);
  }
}

// Half way between two integers: the even one, on both sides of 0.
KERNEL_CHECK(quantize_rows, "ties go to the even integer") {
  const DeviceArray<float> x(std::vector<float>{127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, -127}), scale(1);
  const DeviceArray<int8_t> q(8);
  quantize_rows_forward(check.cuda, QuantizeRows{x.data(), q.data(), scale.data(), 1, 8});
  check.same("q", q.download(), std::vector<int8_t>{127, 0, 2, 2, 0, -2, -2, -127});
}

KERNEL_CHECK(quantize_rows, "the first row that is not finite is named") {
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> x(5 * 300, 1.0f);
    x[2 * 300 + 299] = bad;
    x[4 * 300] = bad;
    const DeviceArray<float> device_x(x), scale(5);
    const DeviceArray<int8_t> q(x.size());
    check.fails("quantize_rows: x must be finite, row 2 is not", [&] {
      quantize_rows_forward(check.cuda, QuantizeRows{device_x.data(), q.data(), scale.data(), 5, 300});
    });
  }
}

}  // namespace
}  // namespace athanor
