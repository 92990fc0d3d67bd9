// fp32 matrix multiplication: C = epilogue(A B), blocked, packed and threaded; see cpu/isa/ for the tiles.
// Any size including 0; leading dimensions are in elements and at least the row width.
#pragma once

#include <cstddef>

#include "core/function.h"
#include "cpu/pool.h"

namespace athanor {

struct Gemm {
  size_t m = 0, n = 0, k = 0;
  const float* a = nullptr;  // (m, k), or (k, m) when a_transposed
  size_t lda = 0;
  bool a_transposed = false;
  const float* b = nullptr;  // (k, n), or (n, k) when b_transposed (a weight stored (out, in))
  size_t ldb = 0;
  bool b_transposed = false;
  float* c = nullptr;  // (m, n)
  size_t ldc = 0;
  float scale = 1.0f;           // multiplies A B before anything is added
  bool accumulate = false;      // C += instead of C =; excludes what is below
  const float* bias = nullptr;  // (n), added to every row
  Function activation = Function::identity;
  float* pre_activation = nullptr;  // (m, n) with leading dimension ldc: what entered the activation
  const float* residual = nullptr;  // (m, n), added last
  size_t ld_residual = 0;
  // Most terms of a sum before they are added to C; 0: what is fastest. Half of that makes a sum of tens of
  // thousands of terms more exact by a third and 1 to 4 % slower.
  size_t depth = 0;
};

// On the pool. The summation order of every element depends on the sizes only, not on threads.
void gemm(const Gemm& problem);

// On the calling worker alone, for use inside a job. Uses scratch slots 2 and 3 of the worker.
void gemm_serial(const Gemm& problem, Worker& worker);

struct Kernels;

namespace detail {
// The same with the instruction set named, for tests and benchmarks.
void gemm_with(const Kernels& kernels, const Gemm& problem);
void gemm_serial_with(const Kernels& kernels, const Gemm& problem, Worker& worker);
}  // namespace detail

}  // namespace athanor
