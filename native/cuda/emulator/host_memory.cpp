// Device memory is host memory with every byte 0xFF, so that floats read before they were written are NaN.
#include "cuda/emulator/host_memory.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>

#include "cuda/emulator/block.h"
#include "cuda/emulator/protected_memory.h"

namespace emulated {
namespace {

struct Memory {
  std::mutex mutex;
  std::map<const char*, size_t, std::greater<>> sizes;  // of device memory, highest address first
  size_t used = 0;
};

Memory& memory() {
  static Memory* made = new Memory();
  return *made;
}

void* aligned(size_t bytes) {
  void* pointer = nullptr;
  return posix_memalign(&pointer, 256, bytes) == 0 ? pointer : nullptr;
}

void* take(size_t bytes) {
  return memory_is_protected() ? allocate_protected(bytes) : aligned(bytes);
}

void give_back(void* pointer, size_t bytes) {
  if (memory_is_protected()) return free_protected(pointer, bytes);
  std::free(pointer);
}

// Whether all of these bytes are in one block of device memory.
bool is_device(const void* pointer, size_t bytes) {
  Memory& m = memory();
  std::lock_guard<std::mutex> lock(m.mutex);
  const char* from = static_cast<const char*>(pointer);
  auto block = m.sizes.lower_bound(from);  // the last one that begins at or before it
  return block != m.sizes.end() && from + bytes <= block->first + block->second;
}

// A GPU's driver refuses a copy whose device side is not device memory; here it must also lie in one
// allocation.
bool can_copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0 || kind == cudaMemcpyDefault) return true;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return (!to_device || is_device(to, bytes)) && (!from_device || is_device(from, bytes));
}

}  // namespace

size_t total_memory() {
  const char* wanted = std::getenv("CUDA_EMULATION_MEMORY");
  return (wanted ? std::strtoull(wanted, nullptr, 10) : 4096) << 20;
}

}  // namespace emulated

using namespace emulated;

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (cudaError_t before = sticky_failure()) return before;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  Memory& m = memory();
  std::lock_guard<std::mutex> lock(m.mutex);
  void* made = m.used + bytes > total_memory() ? nullptr : take(bytes);
  if (!made) return record_failure(cudaErrorMemoryAllocation);
  const DeviceMemoryOpen open;
  std::memset(made, 0xFF, bytes);
  m.used += bytes;
  m.sizes[static_cast<const char*>(made)] = bytes;
  *pointer = made;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (pointer) {
    Memory& m = memory();
    std::lock_guard<std::mutex> lock(m.mutex);
    auto found = m.sizes.find(static_cast<const char*>(pointer));
    if (found == m.sizes.end()) return record_failure(cudaErrorInvalidValue);
    give_back(pointer, found->second);
    m.used -= found->second;
    m.sizes.erase(found);
  }
  return sticky_failure();
}

cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t) {
  return cudaMalloc(pointer, bytes);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) {
  return cudaFree(pointer);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  Memory& m = memory();
  std::lock_guard<std::mutex> lock(m.mutex);
  *total = total_memory();
  *free = *total > m.used ? *total - m.used : 0;
  return sticky_failure();
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  if (cudaError_t before = sticky_failure()) return before;
  *pointer = bytes ? aligned(bytes) : nullptr;
  return *pointer || !bytes ? cudaSuccess : record_failure(cudaErrorMemoryAllocation);
}
cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return cudaHostAlloc(pointer, bytes, 0);
}
cudaError_t cudaFreeHost(void* pointer) {
  std::free(pointer);
  return sticky_failure();
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (cudaError_t before = sticky_failure()) return before;
  if (!can_copy(to, from, bytes, kind)) return record_failure(cudaErrorInvalidValue);
  const DeviceMemoryOpen open;
  if (bytes) std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, size_t bytes, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToDevice);
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                         size_t height, cudaMemcpyKind kind) {
  if (cudaError_t before = sticky_failure()) return before;
  if (width > to_pitch || width > from_pitch) return record_failure(cudaErrorInvalidValue);
  const bool any = width > 0 && height > 0;
  if (any && !can_copy(to, from, width, kind)) return record_failure(cudaErrorInvalidValue);
  const DeviceMemoryOpen open;
  for (size_t row = 0; row < height; row++) {
    std::memcpy(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch,
                width);
  }
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy2D(to, to_pitch, from, from_pitch, width, height, kind);
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  if (cudaError_t before = sticky_failure()) return before;
  if (bytes && !is_device(to, bytes)) return record_failure(cudaErrorInvalidValue);
  const DeviceMemoryOpen open;
  if (bytes) std::memset(to, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  return cudaMemset(to, value, bytes);
}
