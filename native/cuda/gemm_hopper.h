// The product of bf16 matrices by wgmma and TMA, for compute capability 9.0. Off until a GPU has verified it:
// ATHANOR_CUDA_GEMM=hopper takes it wherever use_hopper() allows.
#pragma once

#include "cuda/gemm.h"
#include "cuda/gemm_plan.h"

namespace athanor {

// What TMA can read (vectors: loads_as_vectors of both factors), and the layouts that are compiled.
inline bool use_hopper(int capability, const GemmSize& size, bool vectors) {
  return capability == 90 && vectors && size.k > 0 && !(size.a_transposed && size.b_transposed);
}

// `plan` is one of the large tile. Throws ERR_CUDA without a driver.
template <class Y>
void gemm_hopper(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<bf16, bf16, Y>& g);

}  // namespace athanor
