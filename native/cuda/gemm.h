// Matrix products on CUDA: Y = activation(A B + bias) + residual, batched, row-major, either factor stored
// transposed. Sums are fp32 (int32 of 8-bit integers). What the types mean:
//
//   A, B bf16    tensor cores; Y bf16, or f32 for gradients of parameters
//   A, B f32     true fp32 multiply-add, or TF32 tensor cores where allow_tf32() says so
//   A f32, B bf16   an inference weight: exact products, fp32 sums, as on the CPU
//   A f32, B i8     an inference weight: every row of A becomes 8-bit integers over its own range
//
// Any size including 0. Loads are 16 bytes wide where the address and leading dimension of a factor allow it,
// else element by element. Equal calls give equal bits: split sums are added in a fixed order.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/function.h"
#include "ops/dispatch.h"

namespace athanor {

template <class T>
struct GemmFactor {
  const T* data;
  int64_t ld;          // elements from row to row, as stored
  bool transposed;     // stored as the transpose of what enters the product
  int64_t stride = 0;  // elements from one matrix of the batch to the next
};

// Where the product goes and what is done to it on the way. bias, residual and pre_activation need a batch of
// 1; accumulate excludes them and the activation.
template <class Y>
struct GemmOutput {
  Y* y;  // (batch, m, n)
  int64_t ld, stride = 0;
  bool accumulate = false;  // y += A B
  const Y* bias = nullptr;  // (n)
  Function activation = Function::identity;
  Y* pre_activation = nullptr;  // (m, n) with leading dimension ld: what entered the activation
  const Y* residual = nullptr;  // (m, n), added last
  int64_t ld_residual = 0;
};

template <class A, class B, class Y>
struct DeviceGemm {
  int64_t batch, m, n, k;
  GemmFactor<A> a;  // (m, k), or stored (k, m)
  GemmFactor<B> b;  // (k, n), or stored (n, k)
  GemmOutput<Y> out;
  const float* b_scale = nullptr;  // (n), of an i8 factor: what its integers are multiplied by
};

// Whether 16-byte loads may read the factor.
template <class T>
bool loads_as_vectors(const GemmFactor<T>& f, int64_t batch) {
  constexpr int64_t chunk = 16 / sizeof(T);
  return reinterpret_cast<uintptr_t>(f.data) % 16 == 0 && f.ld % chunk == 0 &&
         (batch == 1 || f.stride % chunk == 0);
}

// Throws ERR_SHAPE for a dimension of 2^30 or more.
template <class A, class B, class Y>
void gemm(const Cuda& cuda, const DeviceGemm<A, B, Y>& problem);

// Whether fp32 products may round their factors to TF32 (10 bits of mantissa): ATHANOR_TF32=1.
bool allow_tf32();

}  // namespace athanor
