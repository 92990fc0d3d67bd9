// y = condition ? a : b, element by element. condition (u8, i32 or f32; true where not zero, NaN included)
// gives the shape; a and b have that shape too, or are one element or a plain number.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct Condition {
  DType dtype;
  const void* data;  // (n)
};

struct WhereSide {
  const float* data;  // (n), or one element; null: the plain number `value`
  bool one;
  float value;
};

struct WhereForward {
  Condition condition;
  WhereSide a, b;
  float* y;  // (n)
  int64_t n;
};

// dx = dy where the condition is `taken`, else 0; summed to one element if `one`.
struct WhereBackward {
  Condition condition;
  const float* dy;  // (n)
  float* dx;        // (n), or one element
  bool taken, one;
  int64_t n;
};

void where_forward(Cpu, const WhereForward& a);
void where_forward(Cuda, const WhereForward& a);
void where_backward(Cpu, const WhereBackward& a);
void where_backward(Cuda, const WhereBackward& a);

}  // namespace athanor
