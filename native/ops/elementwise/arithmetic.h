// y = a op b for op in add, subtract, multiply, divide, and the gradients of both sides, fp32. One side has
// the full shape, seen as (rows, width); the other has it too, or is a row (width), a column (rows, 1), one
// element, or a plain number.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

enum class Broadcast : int32_t { same, row, column, scalar };

struct Operand {
  const float* data = nullptr;  // null: the plain number `value`
  int64_t row_stride = 0;       // same and column: elements between rows
  Broadcast broadcast = Broadcast::same;
  float value = 0;
};

struct ArithmeticForward {
  Arithmetic op;
  Operand a, b;
  float* y;  // (rows, width), contiguous
  int64_t rows, width;
};

struct ArithmeticBackward {
  Arithmetic op;
  bool second;   // the gradient of b, not of a
  Operand dy;    // (rows, width)
  Operand a, b;  // data of those that the formula needs; the broadcast of both
  float* dx;     // in the shape of that side, contiguous
  int64_t rows, width;
};

void arithmetic_forward(Cpu, const ArithmeticForward& a);
void arithmetic_forward(Cuda, const ArithmeticForward& a);
void arithmetic_backward(Cpu, const ArithmeticBackward& a);
void arithmetic_backward(Cuda, const ArithmeticBackward& a);

}  // namespace athanor
