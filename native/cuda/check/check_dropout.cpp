// dropout: the CPU's bits, on both types.
#include "cuda/check/elementwise_cases.h"
#include "ops/dropout/dropout.h"

namespace athanor {
namespace {

template <class T>
void check_dropout(KernelCheck& check, size_t n, size_t offset, float p) {
  const uint64_t seed = 0x123456789ABCDEFu, call = (uint64_t{1} << 40) + 5;
  std::vector<float> x = rounded_to<T>(check.random.normals(n)), wanted(n);
  if (n > 6) x[6] = NAN;
  const int64_t count = static_cast<int64_t>(n);
  dropout_forward(Cpu{}, Dropout<float>{x.data(), wanted.data(), count, p, seed, call});
  DeviceArray<T> device_x(x, offset), y(n, offset);
  dropout_forward(check.cuda, Dropout<T>{device_x.data(), y.data(), count, p, seed, call});
  check.same("y", y.floats(), rounded_to<T>(wanted));
  // In place, as a gradient.
  dropout_backward(check.cuda, Dropout<T>{device_x.data(), device_x.data(), count, p, seed, call});
  check.same("in place", device_x.floats(), rounded_to<T>(wanted));
}

KERNEL_CHECK(dropout, "lengths") {
  for (size_t n : lengths) {
    for (size_t offset : {0, 1}) {
      for_float_types([&](auto zero) { check_dropout<decltype(zero)>(check, n, offset, 0.1f); });
    }
  }
}

KERNEL_CHECK(dropout, "probabilities") {
  for (float p : {0.0f, 1e-9f, 0.5f, 0.999f}) {
    for_float_types([&](auto zero) { check_dropout<decltype(zero)>(check, 1000, 0, p); });
  }
}

}  // namespace
}  // namespace athanor
