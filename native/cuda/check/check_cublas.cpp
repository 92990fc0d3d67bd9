// The way to cuBLAS. The library itself needs a GPU: there the products face it. Everywhere, functions that
// follow the definition of BLAS (matrices by columns) stand in for it, so that sizes, leading dimensions and
// transpositions are known to be passed right.
#include <cstdlib>

#include "cuda/check/gemm_problem.h"
#include "cuda/gemm_cublas.h"

namespace athanor {
namespace {

template <class T>
std::vector<T> copied(const void* device, size_t count) {
  std::vector<T> values(count);
  if (count > 0) check(cudaMemcpy(values.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost), "copy");
  return values;
}

double element(const void* device, int type, int64_t index) {
  if (type == cublas_f32) return copied<float>(static_cast<const float*>(device) + index, 1)[0];
  return to_float_on_host(copied<bf16>(static_cast<const bf16*>(device) + index, 1)[0]);
}

void store(void* device, int type, int64_t index, double value) {
  if (type == cublas_f32) {
    const float x = static_cast<float>(value);
    check(cudaMemcpy(static_cast<float*>(device) + index, &x, sizeof(x), cudaMemcpyHostToDevice), "store");
  } else {
    const bf16 x = from_float_on_host<bf16>(static_cast<float>(value));
    check(cudaMemcpy(static_cast<bf16*>(device) + index, &x, sizeof(x), cudaMemcpyHostToDevice), "store");
  }
}

int strided_batched(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int a_type,
                    int lda, long long stride_a, const void* b, int b_type, int ldb, long long stride_b,
                    const void* beta, void* c, int c_type, int ldc, long long stride_c, int batch, int, int) {
  if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;  // CUBLAS_STATUS_INVALID_VALUE
  const double scale = *static_cast<const float*>(alpha), kept = *static_cast<const float*>(beta);
  for (int64_t matrix = 0; matrix < batch; matrix++) {
    for (int64_t column = 0; column < n; column++) {
      for (int64_t row = 0; row < m; row++) {
        double sum = 0;
        for (int64_t i = 0; i < k; i++) {
          sum += element(a, a_type, matrix * stride_a + (ta ? row * lda + i : i * lda + row)) *
                 element(b, b_type, matrix * stride_b + (tb ? i * ldb + column : column * ldb + i));
        }
        const int64_t at = matrix * stride_c + column * ldc + row;
        store(c, c_type, at, scale * sum + (kept == 0 ? 0 : kept * element(c, c_type, at)));
      }
    }
  }
  return 0;
}

int one_matrix(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
               int a_type, int lda, const void* b, int b_type, int ldb, const void* beta, void* c, int c_type,
               int ldc, int compute, int algorithm) {
  return strided_batched(handle, ta, tb, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c,
                         c_type, ldc, 0, 1, compute, algorithm);
}

int create(void** handle) {
  static int target;
  *handle = &target;
  return 0;
}
int set_stream(void*, cudaStream_t) {
  return 0;
}
int get_version(void*, int* version) {
  *version = 0;
  return 0;
}
int destroy(void*) {
  return 0;
}

const CublasFunctions by_definition{create, destroy, set_stream, get_version, one_matrix, strided_batched};

template <class T, class Y>
void check_products(KernelCheck& check, const CublasFunctions& functions) {
  const auto product = [&](const GemmCase& c) {
    check_product<T, T, Y>(check, c, [&](const auto& g) { gemm_cublas(check.cuda, functions, g); });
  };
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      product({5, 6, 7, a_transposed, b_transposed});
      product({4, 3, 9, a_transposed, b_transposed, 3, 2});
      product({5, 6, 7, a_transposed, b_transposed, 1, 3, 0, false, false, false, true});
    }
  }
  product({5, 6, 7, false, true, 1, 1, 0, true, true, true, false, Function::gelu});
}

KERNEL_CHECK(cublas, "products are asked for as the definition of BLAS has them") {
  check_products<bf16, bf16>(check, by_definition);
  check_products<bf16, float>(check, by_definition);
  check_products<float, float>(check, by_definition);
}

KERNEL_CHECK(cublas, "the library, where there is one") {
#if !defined(CUDA_EMULATED)
  try {
    cublas();
  } catch (const Error& error) {
    std::printf("  cublas: skipped, %s\n", error.what());
    return;
  }
  check_products<bf16, bf16>(check, cublas());
  check_products<bf16, float>(check, cublas());
  check_products<float, float>(check, cublas());
#else
  (void)check;
#endif
}

KERNEL_CHECK(cublas, "a library that is not there is an error that says what was tried") {
  const DeviceArray<float> x(std::vector<float>{2}), y(1);
  const DeviceGemm<float, float, float> g{
      1, 1, 1, 1, {x.data(), 1, false}, {x.data(), 1, false}, {y.data(), 1}};
  setenv("CUBLAS_LIBRARY", "/no/such/libcublas.so", 1);
  setenv("ATHANOR_CUDA_GEMM", "cublas", 1);
  check.fails("cublas: the library could not be opened (/no/such/libcublas.so", [&] { gemm(check.cuda, g); });
  setenv("CUBLAS_LIBRARY", "libm.so.6", 1);
  check.fails("cublas: libm.so.6 has no function cublasCreate_v2", [&] { gemm(check.cuda, g); });
  unsetenv("CUBLAS_LIBRARY");
  setenv("ATHANOR_CUDA_GEMM", "fastest", 1);
  check.fails("ATHANOR_CUDA_GEMM must be", [&] { gemm(check.cuda, g); });
  unsetenv("ATHANOR_CUDA_GEMM");
  gemm(check.cuda, g);
  check.same("without the variable", y.download(), std::vector<float>{4});
}

}  // namespace
}  // namespace athanor
