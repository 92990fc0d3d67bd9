// gated_activation against the CPU, with rows apart.
#include "cuda/check/elementwise_cases.h"
#include "ops/gated_activation/gated_activation.h"

namespace athanor {
namespace {

template <class T>
void check_gated(KernelCheck& check, Function f, int64_t rows, int64_t width, int64_t apart, size_t offset) {
  const int64_t x_stride = 2 * width + apart, dy_stride = width + apart;
  const size_t n = static_cast<size_t>(rows * width);
  const std::vector<float> x = rounded_to<T>(check.random.normals(static_cast<size_t>(rows * x_stride)));
  const std::vector<float> dy = rounded_to<T>(check.random.normals(static_cast<size_t>(rows * dy_stride)));
  std::vector<float> wanted(n), wanted_dx(2 * n);
  gated_forward(Cpu{}, GatedForward<float>{f, x.data(), x_stride, wanted.data(), rows, width});
  gated_backward(Cpu{}, GatedBackward<float>{f, dy.data(), dy_stride, x.data(), x_stride, wanted_dx.data(),
                                             rows, width});
  DeviceArray<T> device_x(x, offset), device_dy(dy, offset), y(n, offset), dx(2 * n, offset);
  gated_forward(check.cuda, GatedForward<T>{f, device_x.data(), x_stride, y.data(), rows, width});
  gated_backward(check.cuda, GatedBackward<T>{f, device_dy.data(), dy_stride, device_x.data(), x_stride,
                                              dx.data(), rows, width});
  check.close("y", y.floats(), wanted, tolerance_of<T>(2e-6, 1e-6));
  check.close("dx", dx.floats(), wanted_dx, tolerance_of<T>(4e-6, 1e-6));
}

KERNEL_CHECK(gated_activation, "activations") {
  for (int f = 0; f <= static_cast<int>(Function::sigmoid); f++) {
    for_float_types(
        [&](auto zero) { check_gated<decltype(zero)>(check, static_cast<Function>(f), 5, 24, 0, 0); });
  }
}

KERNEL_CHECK(gated_activation, "shapes") {
  struct Case {
    int64_t rows, width, apart;
    size_t offset;
  };
  for (const Case& c : std::vector<Case>{{0, 8, 0, 0},
                                         {3, 0, 0, 0},
                                         {1, 1, 0, 0},
                                         {3, 7, 0, 0},
                                         {3, 8, 0, 0},
                                         {3, 9, 1, 0},
                                         {5, 16, 8, 0},
                                         {5, 16, 8, 1},
                                         {70, 256, 0, 0},
                                         {2, 4100, 0, 0},
                                         {300, 12, 4, 0}}) {
    for_float_types([&](auto zero) {
      check_gated<decltype(zero)>(check, Function::gelu_tanh, c.rows, c.width, c.apart, c.offset);
    });
  }
}

}  // namespace
}  // namespace athanor
