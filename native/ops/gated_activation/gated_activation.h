// y = f(gate) up, the gated linear units of Shazeer, "GLU Variants Improve Transformer", 2020: what T5 v1.1
// (gelu_tanh) and Llama (silu) put between the two linear layers of a block. One linear layer makes gate and
// up side by side: x (T, 2F) holds gate in its first F columns, up in the others. With f' the derivative,
// dgate = dy up f'(gate) and dup = dy f(gate), side by side again.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

template <class T>
struct GatedForward {
  Function activation;
  const T* x;  // (T, 2F), row stride x_stride
  int64_t x_stride;
  T* y;                 // (T, F)
  int64_t rows, width;  // T, F
};

template <class T>
struct GatedBackward {
  Function activation;
  const T* dy;  // (T, F), row stride dy_stride
  int64_t dy_stride;
  const T* x;  // (T, 2F), row stride x_stride
  int64_t x_stride;
  T* dx;  // (T, 2F)
  int64_t rows, width;
};

void gated_forward(Cpu, const GatedForward<float>& a);
void gated_backward(Cpu, const GatedBackward<float>& a);
template <class T>
void gated_forward(Cuda, const GatedForward<T>& a);
template <class T>
void gated_backward(Cuda, const GatedBackward<T>& a);

}  // namespace athanor
