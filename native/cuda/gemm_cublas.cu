// cuBLAS keeps matrices by columns. Y by rows is Y^T by columns, so it is asked for Y^T = B^T A^T, with n
// rows.
#include "cuda/gemm_cublas.h"
#include "cuda/gemm_split.h"

namespace athanor {

namespace {

template <class T>
constexpr int cublas_type = sizeof(T) == 2 ? cublas_bf16 : cublas_f32;

int to_int(int64_t ld) {
  if (ld > INT_MAX) throw Error(ErrorCode::shape, "gemm: cuBLAS takes rows below 2^31 apart");
  return static_cast<int>(ld);
}

// y = A B + beta y
template <class T, class Y>
void product(const Cuda& cuda, const CublasFunctions& functions, const DeviceGemm<T, T, Y>& g, float beta) {
  const float one = 1.0f;
  const CublasFunctions::Handle handle = cublas_handle(functions, cuda.properties->index);
  check_cublas(functions.set_stream(handle, static_cast<cudaStream_t>(cuda.stream)), "cublasSetStream");
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const int compute = sizeof(T) == 4 && allow_tf32() ? cublas_compute_tf32 : cublas_compute_f32;
  if (g.batch == 1) {
    check_cublas(
        functions.gemm(handle, g.b.transposed, g.a.transposed, n, m, k, &one, g.b.data, cublas_type<T>,
                       to_int(g.b.ld), g.a.data, cublas_type<T>, to_int(g.a.ld), &beta, g.out.y,
                       cublas_type<Y>, to_int(g.out.ld), compute, cublas_any_algorithm),
        "cublasGemmEx");
    return;
  }
  check_cublas(functions.gemm_strided_batched(handle, g.b.transposed, g.a.transposed, n, m, k, &one, g.b.data,
                                              cublas_type<T>, to_int(g.b.ld), g.b.stride, g.a.data,
                                              cublas_type<T>, to_int(g.a.ld), g.a.stride, &beta, g.out.y,
                                              cublas_type<Y>, to_int(g.out.ld), g.out.stride, to_int(g.batch),
                                              compute, cublas_any_algorithm),
               "cublasGemmStridedBatchedEx");
}

}  // namespace

template <class T, class Y>
void gemm_cublas(const Cuda& cuda, const CublasFunctions& functions, const DeviceGemm<T, T, Y>& g) {
  const GemmOutput<Y>& out = g.out;
  const bool plain = out.bias == nullptr && out.residual == nullptr && out.pre_activation == nullptr &&
                     out.activation == Function::identity;
  if (plain) return product(cuda, functions, g, out.accumulate ? 1.0f : 0.0f);
  Scratch<float> sums(cuda, g.batch * g.m * g.n);
  const GemmOutput<float> into{sums.data(), g.n, g.m * g.n};
  product(cuda, functions, DeviceGemm<T, T, float>{g.batch, g.m, g.n, g.k, g.a, g.b, into}, 0.0f);
  const Epilogue<Y> e = make_epilogue(out, static_cast<int>(g.m), static_cast<int>(g.n));
  add_matrices(cuda, sums.data(), 1, g.batch, e);
}

template void gemm_cublas(const Cuda&, const CublasFunctions&, const DeviceGemm<bf16, bf16, bf16>&);
template void gemm_cublas(const Cuda&, const CublasFunctions&, const DeviceGemm<bf16, bf16, float>&);
template void gemm_cublas(const Cuda&, const CublasFunctions&, const DeviceGemm<float, float, float>&);

}  // namespace athanor
