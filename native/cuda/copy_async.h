// Copies from global to shared memory that do not pass through registers (PTX ISA, "cp.async"; sm_80). A
// thread waits for its own copies; a barrier after the wait makes them visible to the block:
//
//   copy_async_16(tile + i, x + i);  copy_async_commit();  copy_async_wait<0>();  __syncthreads();
//
// Both addresses are multiples of the size. The variants with `bytes` read that many (0 reads nothing, so the
// pointer may be any) and fill the rest with zero.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace athanor {

#if defined(CUDA_EMULATED)

inline void copy_async_16(void* shared, const void* global, int bytes = 16,
                          const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::copy_async(shared, global, 16, bytes, {file, line});
}

inline void copy_async_4(void* shared, const void* global, int bytes = 4, const char* file = __builtin_FILE(),
                         int line = __builtin_LINE()) {
  emulated::copy_async(shared, global, 4, bytes, {file, line});
}

inline void copy_async_commit() {
  emulated::copy_async_commit();
}

// Waits until at most `pending` of this thread's committed groups are under way.
template <int pending>
inline void copy_async_wait() {
  emulated::copy_async_wait(pending);
}

#elif defined(__CUDACC__)

__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void copy_async_16(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(shared_address(shared)), "l"(global)
               : "memory");
}

__device__ inline void copy_async_16(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(bytes)
               : "memory");
}

__device__ inline void copy_async_4(void* shared, const void* global, int bytes = 4) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(bytes)
               : "memory");
}

__device__ inline void copy_async_commit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}

template <int pending>
__device__ inline void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(pending) : "memory");
}

#endif

}  // namespace athanor
