// cuBLAS, opened at run time and never linked: the file named by CUBLAS_LIBRARY, else libcublas.so.13, else
// libcublas.so.12. Six functions and a few numbers of its C interface (cuBLAS library, "cublas<t>GemmEx").
#pragma once

#include <cuda_runtime.h>

namespace athanor {

struct CublasFunctions {
  using Handle = void*;
  using Status = int;     // 0 is success
  using Operation = int;  // 0: as stored, by columns; 1: transposed

  Status (*create)(Handle* handle);
  Status (*destroy)(Handle handle);
  Status (*set_stream)(Handle handle, cudaStream_t stream);
  Status (*get_version)(Handle handle, int* version);
  Status (*gemm)(Handle handle, Operation a_operation, Operation b_operation, int m, int n, int k,
                 const void* alpha, const void* a, int a_type, int lda, const void* b, int b_type, int ldb,
                 const void* beta, void* c, int c_type, int ldc, int compute_type, int algorithm);
  Status (*gemm_strided_batched)(Handle handle, Operation a_operation, Operation b_operation, int m, int n,
                                 int k, const void* alpha, const void* a, int a_type, int lda,
                                 long long stride_a, const void* b, int b_type, int ldb, long long stride_b,
                                 const void* beta, void* c, int c_type, int ldc, long long stride_c,
                                 int batch, int compute_type, int algorithm);
};

// cudaDataType_t, cublasComputeType_t, cublasGemmAlgo_t.
constexpr int cublas_f32 = 0, cublas_bf16 = 14;
constexpr int cublas_compute_f32 = 68, cublas_compute_tf32 = 77;
constexpr int cublas_any_algorithm = -1;

// Throws ERR_CUDA with what was tried and why it failed. What was found stays open.
const CublasFunctions& cublas();

// The handle of a device, made on first use. Throws ERR_CUDA.
CublasFunctions::Handle cublas_handle(const CublasFunctions& functions, int device);

// Throws ERR_CUDA naming the call where the status says it failed.
void check_cublas(CublasFunctions::Status status, const char* call);

}  // namespace athanor
