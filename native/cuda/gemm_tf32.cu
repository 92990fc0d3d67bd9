// fp32 factors rounded to TF32 on tensor cores; only where allow_tf32() says so.
#include "cuda/gemm_kernels.h"
#include "cuda/gemm_tensor.h"

namespace athanor {

void gemm_tf32(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, float, float>& g) {
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const TensorProblem<Tf32Family> p{factor_source(g.a, g.batch),
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
