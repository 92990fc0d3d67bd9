#include <cmath>
#include <string>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/quantize_rows/quantize_rows.h"

namespace athanor {

namespace {

constexpr size_t grain = 16384;  // elements

// NaN if any element is.
float largest_magnitude(const float* x, size_t n) {
  float largest = 0;
  for (size_t i = 0; i < n; i++) {
    const float magnitude = std::fabs(x[i]);
    largest = magnitude > largest || std::isnan(magnitude) ? magnitude : largest;
    if (std::isnan(largest)) return largest;
  }
  return largest;
}

}  // namespace

void quantize_rows_forward(Cpu, const QuantizeRows& a) {
  const size_t width = static_cast<size_t>(a.width);
  parallel_ranges(
      static_cast<size_t>(a.rows), grain / (width + 1) + 1, [&](size_t begin, size_t end, Worker&) {
        for (size_t row = begin; row < end; row++) {
          const float* x = a.x + row * width;
          int8_t* q = a.q + row * width;
          const float largest = largest_magnitude(x, width);
          if (!std::isfinite(largest)) {
            throw Error(ErrorCode::data,
                        "quantize_rows: x must be finite, row " + std::to_string(row) + " is not");
          }
          const float scale = largest / 127.0f;
          a.scale[row] = scale;
          const float inverse = scale > 0.0f ? 127.0f / largest : 0.0f;
          for (size_t i = 0; i < width; i++) {
            q[i] = static_cast<int8_t>(std::nearbyint(std::fmin(std::fmax(x[i] * inverse, -127.0f), 127.0f)));
          }
        }
      });
}

}  // namespace athanor
