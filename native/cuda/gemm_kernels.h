// The kernels behind gemm(), one source file each. m and n are at least 1 and all dimensions below 2^30; k
// may be 0.
#pragma once

#include "cuda/gemm.h"
#include "cuda/gemm_plan.h"

namespace athanor {

template <class Y>
void gemm_bf16(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<bf16, bf16, Y>& g);
void gemm_f32(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, float, float>& g);
void gemm_tf32(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, float, float>& g);

// Of inference: a batch of 1, A not transposed. The plan of gemm_mixed is that of a bf16 product with three
// times the rows.
void gemm_mixed(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, bf16, float>& g);
void gemm_int8(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, int8_t, float>& g);

}  // namespace athanor
