#include "cuda/gemm_bf16.h"

namespace athanor {

template void run_tensor(const Cuda&, const GemmPlan&, TensorProblem<Bf16Family>, const Epilogue<float>&,
                         bool, bool, int64_t);  // for gemm_mixed.cu
template void gemm_bf16(const Cuda&, const GemmPlan&, const DeviceGemm<bf16, bf16, float>&);

}  // namespace athanor
