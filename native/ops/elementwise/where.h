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

template <class T>
struct WhereSide {
  const T* data;  // (n), or one element; null: the plain number `value`
  bool one;
  float value;
};

template <class T>
struct WhereForward {
  Condition condition;
  WhereSide<T> a, b;
  T* y;  // (n)
  int64_t n;
};

// dx = dy where the condition is `taken`, else 0; summed to one element if `one`.
template <class T>
struct WhereBackward {
  Condition condition;
  const T* dy;  // (n)
  T* dx;        // (n), or one element
  bool taken, one;
  int64_t n;
};

void where_forward(Cpu, const WhereForward<float>& a);
void where_backward(Cpu, const WhereBackward<float>& a);
template <class T>
void where_forward(Cuda, const WhereForward<T>& a);
template <class T>
void where_backward(Cuda, const WhereBackward<T>& a);

}  // namespace athanor
