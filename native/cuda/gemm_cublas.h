// cuBLAS behind gemm(): ATHANOR_CUDA_GEMM=cublas, and the peer of the benchmarks.
#pragma once

#include "cuda/cublas.h"
#include "cuda/gemm.h"

namespace athanor {

// m, n and k at least 1. What is done to the product on its way, cuBLAS cannot do: then fp32 sums go through
// scratch memory and a second kernel. Throws ERR_CUDA.
template <class T, class Y>
void gemm_cublas(const Cuda& cuda, const CublasFunctions& functions, const DeviceGemm<T, T, Y>& g);

}  // namespace athanor
