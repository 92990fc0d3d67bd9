// How kernels are started and how they name shared memory: the same source runs on a GPU and in the emulator.
//
//   launch(layer_norm_forward_kernel<float>, grid, block, shared_bytes, cuda.stream, arguments...);
//   SHARED(float, partial, [8][33]);           a fixed array, aligned to 16 bytes
//   float* tile = dynamic_shared<float>();     the `shared_bytes` of the launch, aligned to 128 bytes
#pragma once

#include <cuda_runtime.h>

#include <cstdlib>
#include <tuple>
#include <utility>

#include "cuda/check.h"

namespace athanor {

constexpr int warp_size = 32;
constexpr unsigned full_mask = 0xFFFFFFFFu;

// What a launch may use without asking (CUDA programming guide, "Shared Memory").
constexpr size_t shared_bytes_without_asking = 48 * 1024;

// With CUDA_CHECK_EVERY_LAUNCH=1 a kernel's fault is reported by its own launch.
inline bool check_every_launch() {
  static const bool wanted = [] {
    const char* value = std::getenv("CUDA_CHECK_EVERY_LAUNCH");
    return value && *value == '1';
  }();
  return wanted;
}

namespace detail {

template <class... Parameters, size_t... I>
cudaError_t launch_values(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                          cudaStream_t stream, std::tuple<Parameters...>& values, std::index_sequence<I...>) {
  void* pointers[sizeof...(Parameters) + 1] = {static_cast<void*>(&std::get<I>(values))..., nullptr};
  return cudaLaunchKernel(kernel, grid, block, pointers, shared_bytes, stream);
}

}  // namespace detail

// A launch of no blocks is an error here as in CUDA: return before it when there is nothing to do.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, void* stream,
            Arguments&&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments),
                "one argument for each of the kernel's parameters");
  if (shared_bytes > shared_bytes_without_asking) {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
          "shared memory of a launch");
  }
  std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
  cudaStream_t on = static_cast<cudaStream_t>(stream);
  check(detail::launch_values(kernel, grid, block, shared_bytes, on, values,
                              std::index_sequence_for<Parameters...>()),
        "launch");
  if (check_every_launch()) check(cudaStreamSynchronize(on), "launch");
}

// Blocks of `each` that cover `count`.
inline unsigned blocks_for(size_t count, size_t each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

}  // namespace athanor

#if defined(CUDA_EMULATED)

// One place per use and template instance, as in CUDA; the emulator fills it with NaN for every block.
#define SHARED(type, name, ...)              \
  static emulated::SharedPlace name##_place; \
  type(&name) __VA_ARGS__ = emulated::shared_array<type __VA_ARGS__>(name##_place)

namespace athanor {
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(emulated::dynamic_shared());
}
}  // namespace athanor

#elif defined(__CUDACC__)

#define SHARED(type, name, ...) __shared__ __align__(16) type name __VA_ARGS__

namespace athanor {
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char athanor_dynamic_shared[];
  return reinterpret_cast<T*>(athanor_dynamic_shared);
}
}  // namespace athanor

#endif
