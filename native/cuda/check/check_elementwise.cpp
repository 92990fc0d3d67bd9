// apply and where against the CPU's functions.
#include "cuda/check/elementwise_cases.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/where.h"

namespace athanor {
namespace {

constexpr float infinite = INFINITY;

// Ordinary values, then in front those where functions change their formula.
std::vector<float> arguments(KernelCheck& check, size_t n) {
  const std::vector<float> special{0.0f,  -0.0f, NAN,    infinite, -infinite, 1e-30f, -1e-30f, 5.3f,
                                   -5.3f, 88.5f, -88.5f, 200,      -200,      1e4f,   -1e4f};
  std::vector<float> x = check.random.normals(n);
  for (float& value : x) value *= 3;
  for (size_t i = 0; i < special.size() && i < n; i++) x[n - 1 - i] = special[i];
  return x;
}

template <class T>
void check_function(KernelCheck& check, Function f, size_t n, size_t offset) {
  const std::vector<float> x = arguments(check, n), dy = rounded_to<T>(check.random.normals(n));
  const std::vector<float> given = rounded_to<T>(x);
  const int64_t count = static_cast<int64_t>(n);
  std::vector<float> wanted(n), wanted_dx(n);
  function_forward(Cpu{}, FunctionForward<float>{f, given.data(), wanted.data(), count});

  DeviceArray<T> device_x(x, offset), y(n, offset), device_dy(dy, offset), dx(n, offset);
  function_forward(check.cuda, FunctionForward<T>{f, device_x.data(), y.data(), count});
  const std::string name = "function " + std::to_string(static_cast<int>(f)) + " of " + std::to_string(n);
  check.close(name, y.floats(), wanted, tolerance_of<T>(2e-6, 1e-6));

  const bool from_result = f == Function::exp || f == Function::sqrt;
  const std::vector<float> kept = y.floats();  // the gradient starts from what this device made
  function_backward(Cpu{},
                    FunctionBackward<float>{f, dy.data(), from_result ? nullptr : given.data(),
                                            from_result ? kept.data() : nullptr, wanted_dx.data(), count});
  function_backward(check.cuda,
                    FunctionBackward<T>{f, device_dy.data(), from_result ? nullptr : device_x.data(),
                                        from_result ? y.data() : nullptr, dx.data(), count});
  check.close(name + ", gradient", dx.floats(), wanted_dx, tolerance_of<T>(2e-6, 1e-6));
}

KERNEL_CHECK(elementwise, "functions") {
  for (int32_t f = 0; f < function_count; f++) {
    for (size_t n : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, size_t{1000}}) {
      for (size_t offset : {0, 1}) {
        for_float_types(
            [&](auto zero) { check_function<decltype(zero)>(check, static_cast<Function>(f), n, offset); });
      }
    }
  }
}

KERNEL_CHECK(elementwise, "functions of every length") {
  for (size_t n : lengths) {
    for_float_types([&](auto zero) { check_function<decltype(zero)>(check, Function::silu, n, 0); });
  }
}

// ---- where ----

template <class C>
DType dtype_of() {
  return std::is_same_v<C, uint8_t> ? DType::u8 : std::is_same_v<C, int32_t> ? DType::i32 : DType::f32;
}

// One side of where: the elements, one element or a number, on both devices.
template <class T>
struct WhereArgument {
  std::vector<float> values;
  DeviceArray<T> array;
  bool one, plain;

  WhereArgument(KernelCheck& check, size_t n, int kind, size_t offset)
      : values(rounded_to<T>(check.random.normals(kind == 0 ? n : 1))),
        array(values, offset),
        one(kind != 0),
        plain(kind == 2) {}

  WhereSide<float> on_cpu() const { return {plain ? nullptr : values.data(), one, plain ? 0.3f : 0}; }
  WhereSide<T> on_cuda() const { return {plain ? nullptr : array.data(), one, plain ? 0.3f : 0}; }
};

template <class C, class T>
void check_where(KernelCheck& check, size_t n, size_t offset, int a_kind, int b_kind) {
  std::vector<C> chooser(n);
  for (C& c : chooser) c = static_cast<C>(check.random.integer(0, 1) * check.random.integer(1, 200));
  if (std::is_same_v<C, float> && n > 3) chooser[3] = static_cast<C>(NAN);
  DeviceArray<C> device_chooser(chooser, offset);
  const WhereArgument<T> a(check, n, a_kind, offset), b(check, n, b_kind, offset);
  const int64_t count = static_cast<int64_t>(n);
  const Condition host{dtype_of<C>(), chooser.data()}, device{dtype_of<C>(), device_chooser.data()};

  std::vector<float> wanted(n);
  where_forward(Cpu{}, WhereForward<float>{host, a.on_cpu(), b.on_cpu(), wanted.data(), count});
  DeviceArray<T> y(n, offset);
  where_forward(check.cuda, WhereForward<T>{device, a.on_cuda(), b.on_cuda(), y.data(), count});
  check.same("where", y.floats(), rounded_to<T>(wanted));

  const std::vector<float> dy = rounded_to<T>(check.random.normals(n));
  DeviceArray<T> device_dy(dy, offset);
  for (bool taken : {true, false}) {
    for (bool one : {false, true}) {
      std::vector<float> wanted_dx(one ? 1 : n);
      DeviceArray<T> dx(one ? 1 : n, offset);
      where_backward(Cpu{}, WhereBackward<float>{host, dy.data(), wanted_dx.data(), taken, one, count});
      where_backward(check.cuda, WhereBackward<T>{device, device_dy.data(), dx.data(), taken, one, count});
      check.close(one ? "where, one gradient" : "where, gradient", dx.floats(), wanted_dx,
                  tolerance_of<T>(one ? 5e-5 : 0, one ? 1e-6 : 0));
    }
  }
}

KERNEL_CHECK(elementwise, "where, every kind of side") {
  for (size_t n : {size_t{0}, size_t{1}, size_t{8}, size_t{9}, size_t{300}}) {
    for (int a = 0; a < 3; a++) {
      for (int b = 0; b < 3; b++) {
        for_float_types([&](auto zero) {
          using T = decltype(zero);
          check_where<uint8_t, T>(check, n, 0, a, b);
          check_where<int32_t, T>(check, n, 1, a, b);
          check_where<float, T>(check, n, 0, a, b);
        });
      }
    }
  }
}

KERNEL_CHECK(elementwise, "where of every length") {
  for (size_t n : lengths) {
    check_where<uint8_t, float>(check, n, 0, 0, 0);
    check_where<uint8_t, bf16>(check, n, 0, 0, 0);
  }
}

}  // namespace
}  // namespace athanor
