// Dropout (Srivastava et al., JMLR 2014), scaled while training: y = keep ? x / (1 - p) : 0. The mask comes
// from core/random.h: element i in row order of the call. The gradient applies the same mask to dy.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

template <class T>
struct Dropout {
  const T* x;  // (n)
  T* y;        // (n); may be x
  int64_t n;
  float p;
  uint64_t seed, call;
};

void dropout_forward(Cpu, const Dropout<float>& a);
template <class T>
void dropout_forward(Cuda, const Dropout<T>& a);
// Same work on dy; a name of its own, as every op has a forward and a backward.
template <class Tag, class T>
void dropout_backward(Tag device, const Dropout<T>& a) {
  dropout_forward(device, a);
}

}  // namespace athanor
