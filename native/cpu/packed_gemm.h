// y = activation(x W^T + bias) + residual with a packed weight: fp32 arithmetic for f32 and bf16 weights. For
// i8, every row of x is turned into 8-bit integers over its own range, and the products are exact integers.
#pragma once

#include <cstddef>

#include "core/function.h"
#include "cpu/packed_weight.h"

namespace athanor {

struct PackedGemm {
  size_t m = 0;
  const float* a = nullptr;  // (m, k)
  size_t lda = 0;
  const PackedWeight* weight = nullptr;
  const float* weight_scale = nullptr;  // (n), of i8
  float* c = nullptr;                   // (m, n)
  size_t ldc = 0;
  const float* bias = nullptr;  // (n)
  Function activation = Function::identity;
  const float* residual = nullptr;  // (m, n), added last
  size_t ld_residual = 0;
};

// On the pool. The order of every sum depends on the sizes and the instruction set, not on threads.
void gemm(const PackedGemm& problem);

namespace detail {
// The same with the 8-bit tiles named, for tests.
void gemm_with(const Int8Tiles& int8, const PackedGemm& problem);
}  // namespace detail

}  // namespace athanor
