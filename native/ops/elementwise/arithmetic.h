// y = a op b for op in add, subtract, multiply, divide, and the gradients of both sides, in fp32. One side
// has the full shape, seen as (rows, width); the other has it too, or is a row (width), a column (rows, 1),
// one element, or a plain number.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

enum class Broadcast : int32_t { same, row, column, scalar };

template <class T>
struct Operand {
  const T* data = nullptr;  // null: the plain number `value`
  int64_t row_stride = 0;   // same and column: elements between rows
  Broadcast broadcast = Broadcast::same;
  float value = 0;
};

template <class T>
struct ArithmeticForward {
  Arithmetic op;
  Operand<T> a, b;
  T* y;  // (rows, width), contiguous
  int64_t rows, width;
};

// G: the type of the gradient.
template <class T, class G = T>
struct ArithmeticBackward {
  Arithmetic op;
  bool second;      // the gradient of b, not of a
  Operand<T> dy;    // (rows, width)
  Operand<T> a, b;  // data of those that the formula needs; the broadcast of both
  G* dx;            // in the shape of that side, contiguous
  int64_t rows, width;
};

void arithmetic_forward(Cpu, const ArithmeticForward<float>& a);
void arithmetic_backward(Cpu, const ArithmeticBackward<float>& a);
template <class T>
void arithmetic_forward(Cuda, const ArithmeticForward<T>& a);
template <class T, class G>
void arithmetic_backward(Cuda, const ArithmeticBackward<T, G>& a);

}  // namespace athanor
