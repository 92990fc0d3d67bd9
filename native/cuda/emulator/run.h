// What kernels and launches call in the emulator: the threads of one block at a time, as fibers, warp by
// warp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "device_words.h"
#include "host_calls.h"

namespace emulated {

struct Place {
  const char* file;
  int line;
};

// ---- for checks and the engine's tests ----

// 0: threads, warps and blocks in order; 1: reversed; others: shuffled. Even seeds carry out asynchronous
// copies when they are waited for, odd ones at once. The first is the environment's CUDA_EMULATION_SEED, or
// 0.
void set_seed(uint64_t seed);
uint64_t seed();
// The sentence about the last launch that failed; empty when none did.
const char* failure();
// How many bytes of shared memory a block may ask for: 99 KiB until told otherwise.
size_t most_shared_bytes();
void set_most_shared_bytes(size_t bytes);
// A failed launch is sticky, as on a GPU: every later call fails until this is called.
void clear_failure();

// ---- for kernels, through the words of CUDA and native/cuda/*.h ----

struct SharedPlace {
  void* address;
  uint64_t block;  // the number of the block that it is valid for
};

void* shared_memory(SharedPlace& place, size_t bytes);
void* dynamic_shared();

template <class T>
T& shared_array(SharedPlace& place) {
  return *static_cast<T*>(shared_memory(place, sizeof(T)));
}

// Returns the sum of `count` over the block.
int barrier(int count, Place place);

enum class Operation : uint8_t { sync, shuffle, vote, match, reduce, ldmatrix, mma, wgmma };

struct Deposit {
  alignas(16) uint32_t word[8];
};

// Leaves `count` words, waits until every lane of the mask does the same, and returns what the 32 lanes left.
// Valid until this lane's next meeting.
const Deposit* meet(unsigned mask, Operation operation, Place place, const uint32_t* words, int count);
int lane_index();

void copy_async(void* shared, const void* global, int size, int bytes, Place place);
void copy_async_commit();
void copy_async_wait(int pending);

// Ends the launch: the sentence is completed with block and thread.
[[noreturn]] void fail(Place place, const char* format, ...) __attribute__((format(printf, 2, 3)));
bool is_shared(const void* pointer, size_t bytes);

// ---- launching ----

cudaError_t run(const void* kernel, dim3 grid, dim3 block, size_t shared_bytes, void (*body)(void*),
                void* context);

template <class... Parameters, size_t... I>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                   size_t shared_bytes, std::index_sequence<I...>) {
  auto body = [&] { kernel(*static_cast<Parameters*>(arguments[I])...); };
  return run(
      reinterpret_cast<const void*>(kernel), grid, block, shared_bytes,
      [](void* context) { (*static_cast<decltype(body)*>(context))(); }, &body);
}

}  // namespace emulated

template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             size_t shared_bytes, cudaStream_t) {
  return emulated::launch(kernel, grid, block, arguments, shared_bytes,
                          std::index_sequence_for<Parameters...>());
}

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::barrier(0, {file, line});
}
inline int __syncthreads_count(int predicate, const char* file = __builtin_FILE(),
                               int line = __builtin_LINE()) {
  return emulated::barrier(predicate != 0, {file, line});
}
inline int __syncthreads_or(int predicate, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return emulated::barrier(predicate != 0, {file, line}) != 0;
}
inline int __syncthreads_and(int predicate, const char* file = __builtin_FILE(),
                             int line = __builtin_LINE()) {
  return emulated::barrier(predicate == 0, {file, line}) == 0;
}
