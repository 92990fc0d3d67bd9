// The kernels behind gemm(), one source file each. m and n are at least 1 and all dimensions below 2^30; k may
// be 0.
#pragma once

#include "cuda/gemm.h"
#include "cuda/gemm_plan.h"

namespace athanor {

template <class Y>
void gemm_bf16(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<bf16, bf16, Y>& g);
void gemm_f32(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, float, float>& g);

}  // namespace athanor
