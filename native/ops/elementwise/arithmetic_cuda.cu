// The operation and the broadcasts are chosen while the kernel runs: they are the same for every thread, and
// memory sets the pace.
#include "cuda/sums.h"
#include "ops/elementwise/arithmetic.h"

namespace athanor {

namespace {

struct Combine {
  Arithmetic op;
  __device__ float operator()(float a, float b) const {
    switch (op) {
      case Arithmetic::add: return a + b;
      case Arithmetic::subtract: return a - b;
      case Arithmetic::multiply: return a * b;
      case Arithmetic::divide: break;
    }
    return a / b;
  }
};

// What reaches one side from one element, before any sum.
struct Contribution {
  Arithmetic op;
  bool second;
  __device__ float operator()(float dy, float a, float b) const {
    switch (op) {
      case Arithmetic::add: return dy;
      case Arithmetic::subtract: return second ? -dy : dy;
      case Arithmetic::multiply: return dy * (second ? a : b);
      case Arithmetic::divide: break;
    }
    if (!second) return dy / b;
    // Rounded once: where b is one number for all, such terms are added, and may nearly cancel.
    const double square = static_cast<double>(b) * static_cast<double>(b);
    return static_cast<float>(-static_cast<double>(a) * static_cast<double>(dy) / square);
  }
};

template <class T>
Source<T> source_of(const Operand<T>& o) {
  switch (o.broadcast) {
    case Broadcast::same: return {o.data, o.row_stride, 1, o.value};
    case Broadcast::row: return {o.data, 0, 1, o.value};
    case Broadcast::column: return {o.data, o.row_stride, 0, o.value};
    case Broadcast::scalar: break;
  }
  return {o.data, 0, 0, o.value};
}

}  // namespace

template <class T>
void arithmetic_forward(Cuda cuda, const ArithmeticForward<T>& a) {
  map(cuda, Combine{a.op}, Target<T>{a.y, a.width}, a.rows, a.width, source_of(a.a), source_of(a.b));
}

template <class T, class G>
void arithmetic_backward(Cuda cuda, const ArithmeticBackward<T, G>& a) {
  const Contribution f{a.op, a.second};
  const Source<T> dy = source_of(a.dy), first = source_of(a.a), last = source_of(a.b);
  switch ((a.second ? a.b : a.a).broadcast) {
    case Broadcast::same: return map(cuda, f, Target<G>{a.dx, a.width}, a.rows, a.width, dy, first, last);
    case Broadcast::scalar: return sum_rows(cuda, f, a.dx, 1.0, 1, a.rows, a.width, dy, first, last);
    case Broadcast::column: return sum_rows(cuda, f, a.dx, 1.0, a.rows, 1, a.width, dy, first, last);
    case Broadcast::row: return sum_columns(cuda, f, a.dx, 1.0, 1, a.rows, a.width, dy, first, last);
  }
}

template void arithmetic_forward(Cuda, const ArithmeticForward<float>&);
template void arithmetic_forward(Cuda, const ArithmeticForward<bf16>&);
template void arithmetic_backward(Cuda, const ArithmeticBackward<float>&);
template void arithmetic_backward(Cuda, const ArithmeticBackward<bf16>&);
template void arithmetic_backward(Cuda, const ArithmeticBackward<bf16, float>&);

}  // namespace athanor
