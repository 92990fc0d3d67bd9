// Memory of one GPU. Each stream keeps the blocks that it gave back, and gives them out again without asking
// when they were last used: whoever gets one is behind that use on the stream. What the device has left is
// shared: when it is short, the caches of all streams go back to the driver.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/allocator.h"

namespace athanor {

class StreamMemory;

class DeviceMemory {
 public:
  explicit DeviceMemory(int device) : device_(device) {}

  MemoryCounts counts();
  void empty_cache();
  void reset_peak();

 private:
  friend class StreamMemory;

  void* take(StreamMemory& cache, size_t size, size_t bytes);
  void give_back(StreamMemory& cache, void* pointer, size_t size);
  void add(StreamMemory& cache);
  void remove(StreamMemory& cache);
  void* allocate_raw(size_t size);
  void empty(StreamMemory& cache);

  const int device_;
  std::mutex mutex_;  // also of the caches
  std::vector<StreamMemory*> caches_;
  MemoryCounts counts_;
};

class StreamMemory final : public Memory {
 public:
  explicit StreamMemory(DeviceMemory& device) : device_(device) { device_.add(*this); }
  ~StreamMemory() { device_.remove(*this); }
  StreamMemory(const StreamMemory&) = delete;
  StreamMemory& operator=(const StreamMemory&) = delete;

  void* allocate(size_t bytes) override;
  void free(void* pointer, size_t bytes) override;

 private:
  friend class DeviceMemory;
  DeviceMemory& device_;
  std::unordered_map<size_t, std::vector<void*>> blocks_;
};

// Host memory that a GPU copies from and to without a detour (page-locked), cached for ever: locking a page
// costs more than copying it.
RawMemory& pinned_memory();

// Makes a GPU current for the calling thread, until the end of the scope.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device);
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
};

}  // namespace athanor
