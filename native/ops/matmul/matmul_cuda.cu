// The CUDA side of matmul: one launch for all products of the batch.
#include "cuda/gemm.h"
#include "ops/matmul/matmul.h"

namespace athanor {

template <class T, class C>
void batched_product(Cuda cuda, const BatchedProduct<T, C>& p) {
  const GemmFactor<T> a{p.a.data, p.a.ld, p.a.transposed, p.a.stride};
  const GemmFactor<T> b{p.b.data, p.b.ld, p.b.transposed, p.b.stride};
  gemm(cuda, DeviceGemm<T, T, C>{p.batch, p.m, p.n, p.k, a, b, {p.c, p.n, p.m * p.n}});
}

template void batched_product(Cuda, const BatchedProduct<float, float>&);
template void batched_product(Cuda, const BatchedProduct<bf16, float>&);
template void batched_product(Cuda, const BatchedProduct<bf16, bf16>&);

}  // namespace athanor
