// From a product to the kernel that makes it.
#include "cuda/gemm.h"

#include <cstdlib>
#include <string>

#include "cuda/gemm_cublas.h"
#include "cuda/gemm_hopper.h"
#include "cuda/gemm_kernels.h"

namespace athanor {

namespace {

constexpr int64_t dimension_most = (int64_t{1} << 30) - 1;

template <class A, class B, class Y>
bool check_size(const DeviceGemm<A, B, Y>& g) {
  for (int64_t size : {g.m, g.n, g.k}) {
    if (size > dimension_most) {
      throw Error(ErrorCode::shape, "gemm: a dimension must be below 2^30, got " + std::to_string(size));
    }
  }
  return g.batch > 0 && g.m > 0 && g.n > 0;
}

template <class A, class B, class Y>
GemmSize size_of(const DeviceGemm<A, B, Y>& g) {
  return {g.batch, g.m, g.n, g.k, g.a.transposed, g.b.transposed};
}

// ATHANOR_CUDA_GEMM: whose kernels make products of two factors of one type.
enum class Backend { portable, hopper, cublas };

Backend backend() {
  const char* value = std::getenv("ATHANOR_CUDA_GEMM");
  const std::string name = value == nullptr || *value == '\0' ? "portable" : value;
  if (name == "portable") return Backend::portable;
  if (name == "hopper") return Backend::hopper;
  if (name == "cublas") return Backend::cublas;
  throw Error(ErrorCode::argument, "ATHANOR_CUDA_GEMM must be portable, hopper or cublas, got " + name);
}

template <class Y>
void run(const Cuda& cuda, const DeviceGemm<bf16, bf16, Y>& g) {
  const Backend wanted = backend();
  if (wanted == Backend::cublas && g.k > 0) return gemm_cublas(cuda, cublas(), g);
  const GemmSize size = size_of(g);
  const CudaProperties& device = *cuda.properties;
  const bool vectors = loads_as_vectors(g.a, g.batch) && loads_as_vectors(g.b, g.batch);
  if (wanted == Backend::hopper && use_hopper(device.capability, size, vectors)) {
    const GemmPlan plan = gemm_plan_of(GemmTile::large, GemmKind::bf16, size, device.multiprocessors);
    return gemm_hopper(cuda, plan, g);
  }
  gemm_bf16(cuda, gemm_plan(GemmKind::bf16, size, device.multiprocessors), g);
}

void run(const Cuda& cuda, const DeviceGemm<float, float, float>& g) {
  if (backend() == Backend::cublas && g.k > 0) return gemm_cublas(cuda, cublas(), g);
  const bool tf32 = allow_tf32();
  const GemmKind kind = tf32 ? GemmKind::tf32 : GemmKind::f32;
  const GemmPlan plan = gemm_plan(kind, size_of(g), cuda.properties->multiprocessors);
  tf32 ? gemm_tf32(cuda, plan, g) : gemm_f32(cuda, plan, g);
}

void run(const Cuda& cuda, const DeviceGemm<float, bf16, float>& g) {
  GemmSize size = size_of(g);
  size.m *= 3;
  gemm_mixed(cuda, gemm_plan(GemmKind::bf16, size, cuda.properties->multiprocessors), g);
}

void run(const Cuda& cuda, const DeviceGemm<float, int8_t, float>& g) {
  gemm_int8(cuda, gemm_plan(GemmKind::int8, size_of(g), cuda.properties->multiprocessors), g);
}

}  // namespace

bool allow_tf32() {
  const char* value = std::getenv("ATHANOR_TF32");
  return value != nullptr && std::string(value) == "1";
}

template <class A, class B, class Y>
void gemm(const Cuda& cuda, const DeviceGemm<A, B, Y>& g) {
  if (check_size(g)) run(cuda, g);
}

template void gemm(const Cuda&, const DeviceGemm<bf16, bf16, bf16>&);
template void gemm(const Cuda&, const DeviceGemm<bf16, bf16, float>&);
template void gemm(const Cuda&, const DeviceGemm<float, float, float>&);
template void gemm(const Cuda&, const DeviceGemm<float, bf16, float>&);
template void gemm(const Cuda&, const DeviceGemm<float, int8_t, float>&);

}  // namespace athanor
