#include "cuda/gemm_bf16.h"

namespace athanor {

template void gemm_bf16(const Cuda&, const GemmPlan&, const DeviceGemm<bf16, bf16, bf16>&);

}  // namespace athanor
