// cast: every pair of types, bit for bit as the CPU.
#include "cuda/check/elementwise_cases.h"
#include "ops/cast/cast.h"

namespace athanor {
namespace {

template <class T>
struct Type;
template <>
struct Type<float> {
  static constexpr DType dtype = DType::f32;
};
template <>
struct Type<bf16> {
  static constexpr DType dtype = DType::bf16;
};
template <>
struct Type<int32_t> {
  static constexpr DType dtype = DType::i32;
};
template <>
struct Type<int8_t> {
  static constexpr DType dtype = DType::i8;
};
template <>
struct Type<uint8_t> {
  static constexpr DType dtype = DType::u8;
};

// Values of X that other types round, cut off or do not have.
std::vector<float> draw(KernelCheck& check, size_t n, float*) {
  std::vector<float> x = check.random.floats(n, -300, 300);
  const std::vector<float> special{
      NAN,    INFINITY, -INFINITY, 0.5f,          -0.5f,         127.5f, -128.5f, 255.9f,      256,
      2.2e9f, -2.2e9f,  1e30f,     2147483520.0f, 2147483648.0f, -0.99f, 3.4e38f, 1.00390625f, 1.01171875f};
  for (size_t i = 0; i < n && i < special.size(); i++) x[n - 1 - i] = special[i];
  return x;
}
std::vector<bf16> draw(KernelCheck& check, size_t n, bf16*) {
  std::vector<bf16> x;
  for (float value : draw(check, n, static_cast<float*>(nullptr)))
    x.push_back(from_float_on_host<bf16>(value));
  return x;
}
std::vector<int32_t> draw(KernelCheck& check, size_t n, int32_t*) {
  std::vector<int32_t> x = check.random.integers(n, -400, 400);
  const std::vector<int32_t> special{INT32_MIN, INT32_MAX, 16777217, -16777219, 127,
                                     128,       -128,      -129,     255,       256};
  for (size_t i = 0; i < n && i < special.size(); i++) x[n - 1 - i] = special[i];
  return x;
}
template <class T>
std::vector<T> draw(KernelCheck& check, size_t n, T*) {
  std::vector<T> x(n);
  for (T& value : x) value = static_cast<T>(check.random.integer(-128, 255));
  return x;
}

template <class X, class Y>
void check_pair(KernelCheck& check, size_t n, size_t offset) {
  const std::vector<X> x = draw(check, n, static_cast<X*>(nullptr));
  std::vector<Y> wanted(n);
  const int64_t count = static_cast<int64_t>(n);
  cast_forward(Cpu{}, Cast{x.data(), Type<X>::dtype, wanted.data(), Type<Y>::dtype, count});
  DeviceArray<X> device_x(n, offset);
  device_x.upload(x);
  DeviceArray<Y> y(n, offset);
  cast_forward(check.cuda, Cast{device_x.data(), Type<X>::dtype, y.data(), Type<Y>::dtype, count});
  check.same(std::string(dtype_name(Type<X>::dtype)) + " to " + dtype_name(Type<Y>::dtype), y.download(),
             wanted);
}

template <class X>
void check_from(KernelCheck& check, size_t n, size_t offset) {
  if (!std::is_same_v<X, float>) check_pair<X, float>(check, n, offset);
  if (!std::is_same_v<X, bf16>) check_pair<X, bf16>(check, n, offset);
  if (!std::is_same_v<X, int32_t>) check_pair<X, int32_t>(check, n, offset);
  if (!std::is_same_v<X, int8_t>) check_pair<X, int8_t>(check, n, offset);
  if (!std::is_same_v<X, uint8_t>) check_pair<X, uint8_t>(check, n, offset);
}

KERNEL_CHECK(cast, "every pair of types") {
  for (size_t n : lengths) {
    for (size_t offset : {0, 1}) {
      check_from<float>(check, n, offset);
      check_from<bf16>(check, n, offset);
      check_from<int32_t>(check, n, offset);
      check_from<int8_t>(check, n, offset);
      check_from<uint8_t>(check, n, offset);
    }
  }
}

}  // namespace
}  // namespace athanor
