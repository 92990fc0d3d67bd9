// The bf16 kernels behind gemm(): one source for both output types, compiled side by side.
#pragma once

#include "cuda/gemm_kernels.h"
#include "cuda/gemm_tensor.h"

namespace athanor {

template <class Y>
void gemm_bf16(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<bf16, bf16, Y>& g) {
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const TensorProblem<Bf16Family> p{factor_source(g.a, g.batch),
                                    factor_source(g.b, g.batch),
                                    m,
                                    n,
                                    k,
                                    gemm_grid(plan, g.batch, m, n),
                                    nullptr,
                                    nullptr};
  run_tensor(cuda, plan, p, make_epilogue(g.out, m, n), g.a.transposed, g.b.transposed);
}

}  // namespace athanor
