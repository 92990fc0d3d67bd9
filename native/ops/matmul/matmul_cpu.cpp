// The CPU side of matmul: many small products run one to a worker, a few large ones share all workers in
// turn.
#include "cpu/gemm.h"
#include "cpu/pool.h"
#include "ops/matmul/matmul.h"

namespace athanor {

namespace {

// Multiplications per product up to which one worker does it alone: about a quarter of a millisecond. Decided
// by size, not by the thread count, as the two may round differently.
constexpr int64_t small = int64_t{1} << 24;

Gemm problem(const BatchedProduct<float, float>& p, int64_t i) {
  Gemm g;
  g.m = static_cast<size_t>(p.m), g.n = static_cast<size_t>(p.n), g.k = static_cast<size_t>(p.k);
  g.a = p.a.data + i * p.a.stride, g.lda = static_cast<size_t>(p.a.ld), g.a_transposed = p.a.transposed;
  g.b = p.b.data + i * p.b.stride, g.ldb = static_cast<size_t>(p.b.ld), g.b_transposed = p.b.transposed;
  g.c = p.c + i * p.m * p.n, g.ldc = g.n;
  return g;
}

}  // namespace

void batched_product(Cpu, const BatchedProduct<float, float>& p) {
  if (p.batch > 1 && p.m * p.n * p.k <= small) {
    parallel_for(static_cast<size_t>(p.batch),
                 [&](size_t i, Worker& worker) { gemm_serial(problem(p, static_cast<int64_t>(i)), worker); });
    return;
  }
  for (int64_t i = 0; i < p.batch; i++) gemm(problem(p, i));
}

}  // namespace athanor
