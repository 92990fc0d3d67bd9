// arithmetic against the CPU: every operation and broadcast, with rows apart and gradients of another type.
#include "cuda/check/elementwise_cases.h"
#include "ops/elementwise/arithmetic.h"

namespace athanor {
namespace {

// One side of y (rows, width), on both devices. A side of the full shape may have rows apart.
template <class T>
struct ArithmeticSide {
  Broadcast broadcast;
  bool plain;  // a number instead of a tensor
  int64_t stride;
  std::vector<float> values;
  DeviceArray<T> array;

  ArithmeticSide(KernelCheck& check, int64_t rows, int64_t width, Broadcast broadcast, bool plain,
                 int64_t apart, size_t offset)
      : broadcast(broadcast),
        plain(plain),
        stride(broadcast == Broadcast::same ? width + apart : 1 + apart),
        values(rounded_to<T>(draw(check, count(rows, width)))),
        array(values, offset) {}

  size_t count(int64_t rows, int64_t width) const {
    switch (broadcast) {
      case Broadcast::same:
      case Broadcast::column: return static_cast<size_t>(rows * stride);
      case Broadcast::row: return static_cast<size_t>(width);
      case Broadcast::scalar: break;
    }
    return 1;
  }
  // Away from 0, as divisors too.
  static std::vector<float> draw(KernelCheck& check, size_t n) {
    std::vector<float> x = check.random.floats(n, 0.5f, 2.0f);
    for (float& value : x) value *= check.random.integer(0, 1) ? 1.0f : -1.0f;
    return x;
  }
  template <class U>
  Operand<U> operand(const U* data) const {
    return {plain ? nullptr : data, stride, broadcast, plain ? 0.7f : 0.0f};
  }
  Operand<float> on_cpu() const { return operand(values.data()); }
  Operand<T> on_cuda() const { return operand<T>(array.data()); }
};

struct ArithmeticCase {
  int64_t rows, width, apart;
  Broadcast a, b;
  bool plain;  // the scalar among them is a number
};

template <class T>
void check_forward(KernelCheck& check, const ArithmeticCase& c, const ArithmeticSide<T>& a,
                   const ArithmeticSide<T>& b, Arithmetic op, size_t offset) {
  const size_t n = static_cast<size_t>(c.rows * c.width);
  std::vector<float> wanted(n);
  DeviceArray<T> y(n, offset);
  arithmetic_forward(Cpu{},
                     ArithmeticForward<float>{op, a.on_cpu(), b.on_cpu(), wanted.data(), c.rows, c.width});
  arithmetic_forward(check.cuda,
                     ArithmeticForward<T>{op, a.on_cuda(), b.on_cuda(), y.data(), c.rows, c.width});
  check.same("y", y.floats(), rounded_to<T>(wanted));
}

template <class T, class G>
void check_backward(KernelCheck& check, const ArithmeticCase& c, const ArithmeticSide<T>& a,
                    const ArithmeticSide<T>& b, Arithmetic op, bool second, size_t offset) {
  const ArithmeticSide<T> dy(check, c.rows, c.width, Broadcast::same, false, c.apart, offset);
  const Broadcast own = second ? c.b : c.a;
  const size_t n = own == Broadcast::same  ? static_cast<size_t>(c.rows * c.width)
                   : own == Broadcast::row ? static_cast<size_t>(c.width)
                                           : static_cast<size_t>(own == Broadcast::column ? c.rows : 1);
  std::vector<float> wanted(n);
  DeviceArray<G> dx(n, offset);
  arithmetic_backward(Cpu{}, ArithmeticBackward<float>{op, second, dy.on_cpu(), a.on_cpu(), b.on_cpu(),
                                                       wanted.data(), c.rows, c.width});
  arithmetic_backward(check.cuda, ArithmeticBackward<T, G>{op, second, dy.on_cuda(), a.on_cuda(), b.on_cuda(),
                                                           dx.data(), c.rows, c.width});
  const double absolute =
      own == Broadcast::same ? 0 : 1e-4;  // of sums of up to 16,400 terms around 1, on both sides
  check.close("dx", dx.floats(), wanted, tolerance_of<G>(absolute, 1e-6));
}

template <class T>
void check_case(KernelCheck& check, const ArithmeticCase& c, size_t offset) {
  const bool a_plain = c.plain && c.a == Broadcast::scalar, b_plain = c.plain && c.b == Broadcast::scalar;
  const ArithmeticSide<T> a(check, c.rows, c.width, c.a, a_plain, c.apart, offset);
  const ArithmeticSide<T> b(check, c.rows, c.width, c.b, b_plain, c.apart, offset);
  for (int op = 0; op < 4; op++) {
    check_forward(check, c, a, b, static_cast<Arithmetic>(op), offset);
    for (bool second : {false, true}) {
      if (second ? b_plain : a_plain) continue;
      check_backward<T, T>(check, c, a, b, static_cast<Arithmetic>(op), second, offset);
      check_backward<T, float>(check, c, a, b, static_cast<Arithmetic>(op), second, offset);
    }
  }
}

void check_broadcasts(KernelCheck& check, int64_t rows, int64_t width, int64_t apart, size_t offset) {
  const Broadcast same = Broadcast::same;
  for (const ArithmeticCase& c :
       std::vector<ArithmeticCase>{{rows, width, apart, same, same, false},
                                   {rows, width, apart, same, Broadcast::row, false},
                                   {rows, width, apart, Broadcast::row, same, false},
                                   {rows, width, apart, same, Broadcast::column, false},
                                   {rows, width, apart, Broadcast::column, same, false},
                                   {rows, width, apart, same, Broadcast::scalar, false},
                                   {rows, width, apart, Broadcast::scalar, same, false},
                                   {rows, width, apart, same, Broadcast::scalar, true},
                                   {rows, width, apart, Broadcast::scalar, same, true}}) {
    for_float_types([&](auto zero) { check_case<decltype(zero)>(check, c, offset); });
  }
}

KERNEL_CHECK(arithmetic, "nothing") {
  check_broadcasts(check, 0, 5, 0, 0);
  check_broadcasts(check, 5, 0, 0, 0);
}

KERNEL_CHECK(arithmetic, "small") {
  check_broadcasts(check, 1, 1, 0, 0);
  check_broadcasts(check, 3, 7, 0, 0);
  check_broadcasts(check, 3, 8, 0, 0);
  check_broadcasts(check, 3, 8, 0, 1);
  check_broadcasts(check, 4, 9, 1, 0);
}

KERNEL_CHECK(arithmetic, "rows apart") {
  check_broadcasts(check, 33, 24, 8, 0);
  check_broadcasts(check, 40, 33, 3, 2);
}

// Columns are cut into ranges of rows from 256 rows on, and the ranges added by a second launch.
KERNEL_CHECK(arithmetic, "many rows") {
  check_broadcasts(check, 300, 130, 0, 0);
  check_broadcasts(check, 4100, 3, 0, 0);
}

// One sum over rows apart is shared by 8192 teams: some of them have two rows.
KERNEL_CHECK(arithmetic, "more rows than teams") {
  check_case<float>(check, {9000, 3, 1, Broadcast::same, Broadcast::scalar, false}, 0);
}

// A row is cut into stretches from 4096 elements on.
KERNEL_CHECK(arithmetic, "long rows") {
  check_broadcasts(check, 2, 8200, 0, 0);
}

}  // namespace
}  // namespace athanor
