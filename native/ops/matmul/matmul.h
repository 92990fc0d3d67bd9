// Batched matrix product C = op(A) op(B), fp32 row-major, either factor stored transposed. Its gradients are
// two more such products, so this one struct serves all three.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct Factor {
  const float* data = nullptr;  // batch matrices, `stride` elements from one to the next
  int64_t stride = 0;
  int64_t ld = 0;           // elements from row to row, as stored
  bool transposed = false;  // stored as the transpose of what enters the product
};

struct BatchedProduct {
  int64_t batch, m, n, k;
  float* c;  // (batch, m, n)
  Factor a;  // (batch, m, k), or stored (batch, k, m)
  Factor b;  // (batch, k, n), or stored (batch, n, k)
};

void batched_product(Cpu, const BatchedProduct& a);
void batched_product(Cuda, const BatchedProduct& a);

}  // namespace athanor
