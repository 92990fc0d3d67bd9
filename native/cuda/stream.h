// A CUDA stream for each queue, with the events that order streams among each other.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/accelerator.h"
#include "cuda/device_memory.h"

namespace athanor {

// Events of one GPU, reused: making one costs more than recording it.
class EventPool {
 public:
  explicit EventPool(int device) : device_(device) {}
  cudaEvent_t take();  // throws ERR_CUDA
  void give_back(cudaEvent_t event);

 private:
  const int device_;
  std::mutex mutex_;
  std::vector<cudaEvent_t> free_;
};

class CudaStream final : public Stream {
 public:
  CudaStream(int device, Priority priority, DeviceMemory& memory, Memory& host, EventPool& events);
  ~CudaStream() override;

  void* handle() override;
  Memory& allocator() override { return memory_; }
  void wait_for(Stream& other) override;
  void upload(void* device, const void* host, size_t bytes) override;
  void download(void* host, const View& v) override;
  void release_host(void* host, size_t bytes) override;
  std::unique_ptr<Marker> mark() override;
  std::unique_ptr<StreamTimer> start_timer() override;

 private:
  struct Leaving {
    cudaEvent_t event;
    void* host;
    size_t bytes;
  };

  cudaEvent_t record();
  void release_what_left(bool wait);

  const uint64_t number_;  // never reused, unlike an address
  const int device_;
  Memory& host_;
  EventPool& events_;
  StreamMemory memory_;
  cudaStream_t stream_ = nullptr;
  // Counts what is put on the stream, so that nobody waits twice for the same.
  std::atomic<uint64_t> position_{0};

  std::mutex mutex_;
  std::unordered_map<uint64_t, uint64_t> waited_;  // stream number -> its position
  std::vector<Leaving> leaving_;                   // in the order of the stream
};

}  // namespace athanor
