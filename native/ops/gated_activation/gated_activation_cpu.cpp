#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/gated_activation/gated_activation.h"

namespace athanor {

namespace {

// Rows to a job at least: below 8192 elements a wake-up costs more than the work.
size_t grain(int64_t width) {
  return static_cast<size_t>(8192 / (width + 1) + 1);
}

}  // namespace

void gated_forward(Cpu, const GatedForward<float>& a) {
  const Kernels& k = kernels();
  parallel_ranges(static_cast<size_t>(a.rows), grain(a.width), [&](size_t begin, size_t end, Worker&) {
    for (int64_t row = static_cast<int64_t>(begin); row < static_cast<int64_t>(end); row++) {
      const float* gate = a.x + row * a.x_stride;
      k.gated(a.activation, a.y + row * a.width, gate, gate + a.width, static_cast<size_t>(a.width));
    }
  });
}

void gated_backward(Cpu, const GatedBackward<float>& a) {
  const Kernels& k = kernels();
  parallel_ranges(static_cast<size_t>(a.rows), grain(a.width), [&](size_t begin, size_t end, Worker&) {
    for (int64_t row = static_cast<int64_t>(begin); row < static_cast<int64_t>(end); row++) {
      const float* gate = a.x + row * a.x_stride;
      float* dgate = a.dx + row * 2 * a.width;
      k.gated_backward(a.activation, dgate, dgate + a.width, a.dy + row * a.dy_stride, gate, gate + a.width,
                       static_cast<size_t>(a.width));
    }
  });
}

}  // namespace athanor
