// Batched matrix product C = op(A) op(B), row-major, either factor stored transposed. Its gradients are two
// more such products, so this one struct serves all three. Factors are f32, on CUDA bf16 too; sums are fp32.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

template <class T>
struct Factor {
  const T* data = nullptr;  // batch matrices, `stride` elements from one to the next
  int64_t stride = 0;
  int64_t ld = 0;           // elements from row to row, as stored
  bool transposed = false;  // stored as the transpose of what enters the product
};

template <class T, class C>
struct BatchedProduct {
  int64_t batch, m, n, k;
  C* c;         // (batch, m, n)
  Factor<T> a;  // (batch, m, k), or stored (batch, k, m)
  Factor<T> b;  // (batch, k, n), or stored (batch, n, k)
};

void batched_product(Cpu, const BatchedProduct<float, float>& a);
// T is float or bf16, C float or T.
template <class T, class C>
void batched_product(Cuda, const BatchedProduct<T, C>& a);

}  // namespace athanor
