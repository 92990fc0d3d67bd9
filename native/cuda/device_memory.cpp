#include "cuda/device_memory.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/system.h"
#include "cuda/check.h"

namespace athanor {

namespace {

constexpr size_t alignment = 512;
constexpr size_t largest = size_t{1} << 46;

// Four sizes per power of two: ragged batches of about the same size reuse each other's blocks.
size_t bucket(size_t bytes) {
  const size_t size = (std::max(bytes, size_t{1}) + alignment - 1) / alignment * alignment;
  size_t power = alignment * 4;
  if (size <= power) return size;
  while (power * 2 <= size) power *= 2;
  const size_t step = power / 4;
  return (size + step - 1) / step * step;
}

// False when there is none; throws ERR_CUDA when the device has failed, which is no lack of memory.
bool got_memory(cudaError_t code) {
  if (code == cudaSuccess) return true;
  cudaGetLastError();  // ordinary: not to be found by the next launch
  if (code != cudaErrorMemoryAllocation) check(code, "memory");
  return false;
}

struct PinnedMemory final : RawMemory {
  void* allocate(size_t bytes) override {
    void* pointer = nullptr;
    // Portable: every GPU of the process may copy from it.
    return got_memory(cudaHostAlloc(&pointer, bytes, cudaHostAllocPortable)) ? pointer : nullptr;
  }
  void release(void* pointer) override { cudaFreeHost(pointer); }
  size_t total() override { return system_memory() ? system_memory() : largest; }
};

}  // namespace

RawMemory& pinned_memory() {
  static PinnedMemory* memory = new PinnedMemory();
  return *memory;
}

CurrentDevice::CurrentDevice(int device) {
  cudaGetDevice(&before_);
  cudaSetDevice(device);
}

CurrentDevice::~CurrentDevice() {
  cudaSetDevice(before_);
}

void* StreamMemory::allocate(size_t bytes) {
  if (bytes > largest) {
    throw Error(ErrorCode::out_of_memory, "out of memory: " + std::to_string(bytes) + " bytes were needed");
  }
  return device_.take(*this, bucket(bytes), bytes);
}

void StreamMemory::free(void* pointer, size_t bytes) {
  if (pointer) device_.give_back(*this, pointer, bucket(bytes));
}

void* DeviceMemory::take(StreamMemory& cache, size_t size, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  void* pointer = nullptr;
  std::vector<void*>& cached = cache.blocks_[size];
  if (!cached.empty()) {
    pointer = cached.back();
    cached.pop_back();
    counts_.cached -= size;
  } else {
    pointer = allocate_raw(size);
    if (!pointer && counts_.cached > 0) {
      for (StreamMemory* each : caches_) empty(*each);
      pointer = allocate_raw(size);
    }
    if (!pointer) {
      throw Error(ErrorCode::out_of_memory, "out of memory: " + std::to_string(bytes) +
                                                " bytes were needed on cuda:" + std::to_string(device_) +
                                                ", " + std::to_string(counts_.live) + " are in use");
    }
  }
  counts_.live += size;
  counts_.peak = std::max(counts_.peak, counts_.live);
  return pointer;
}

void DeviceMemory::give_back(StreamMemory& cache, void* pointer, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  counts_.live -= size;
  counts_.cached += size;
  cache.blocks_[size].push_back(pointer);
}

void* DeviceMemory::allocate_raw(size_t size) {
  CurrentDevice current(device_);
  void* pointer = nullptr;
  return got_memory(cudaMalloc(&pointer, size)) ? pointer : nullptr;
}

// cudaFree waits until nothing on the device can still use the block.
void DeviceMemory::empty(StreamMemory& cache) {
  CurrentDevice current(device_);
  for (auto& entry : cache.blocks_) {
    for (void* pointer : entry.second) cudaFree(pointer);
    counts_.cached -= entry.first * entry.second.size();
  }
  cache.blocks_.clear();
}

void DeviceMemory::add(StreamMemory& cache) {
  std::lock_guard<std::mutex> lock(mutex_);
  caches_.push_back(&cache);
}

void DeviceMemory::remove(StreamMemory& cache) {
  std::lock_guard<std::mutex> lock(mutex_);
  empty(cache);
  caches_.erase(std::find(caches_.begin(), caches_.end(), &cache));
}

MemoryCounts DeviceMemory::counts() {
  std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

void DeviceMemory::empty_cache() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (StreamMemory* cache : caches_) empty(*cache);
}

void DeviceMemory::reset_peak() {
  std::lock_guard<std::mutex> lock(mutex_);
  counts_.peak = counts_.live;
}

}  // namespace athanor
