#include "cuda/stream.h"

#include "cuda/check.h"

namespace athanor {

namespace {

std::atomic<uint64_t> streams{0};

class EventMarker final : public Marker {
 public:
  EventMarker(EventPool& events, cudaEvent_t event) : events_(events), event_(event) {}
  ~EventMarker() override { events_.give_back(event_); }
  bool reached() override {
    const cudaError_t code = cudaEventQuery(event_);
    if (code == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    check(code, "waiting for the GPU");
    return true;
  }

 private:
  EventPool& events_;
  const cudaEvent_t event_;
};

class EventTimer final : public StreamTimer {
 public:
  EventTimer(int device, cudaStream_t stream) : stream_(stream) {
    CurrentDevice current(device);
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
    check(cudaEventRecord(begin_, stream_), "cudaEventRecord");
  }
  ~EventTimer() override {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  void stop() override { check(cudaEventRecord(end_, stream_), "cudaEventRecord"); }
  double seconds() override {
    check(cudaEventSynchronize(end_), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return milliseconds * 1e-3;
  }

 private:
  const cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

int priority_of(Priority priority) {
  int least = 0, greatest = 0;  // smaller numbers go first
  if (cudaDeviceGetStreamPriorityRange(&least, &greatest) != cudaSuccess) return 0;
  switch (priority) {
    case Priority::high: return greatest;
    case Priority::normal: return (least + greatest) / 2;
    case Priority::low: return least;
  }
  return 0;
}

}  // namespace

cudaEvent_t EventPool::take() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      cudaEvent_t event = free_.back();
      free_.pop_back();
      return event;
    }
  }
  CurrentDevice current(device_);
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  return event;
}

void EventPool::give_back(cudaEvent_t event) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(event);
}

CudaStream::CudaStream(int device, Priority priority, DeviceMemory& memory, Memory& host, EventPool& events)
    : number_(++streams), device_(device), host_(host), events_(events), memory_(memory) {
  CurrentDevice current(device);
  check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, priority_of(priority)),
        "cudaStreamCreateWithPriority");
}

CudaStream::~CudaStream() {
  CurrentDevice current(device_);
  // Its memory goes back to the driver, which waits for the device; what the host lent is waited for here.
  cudaStreamSynchronize(stream_);
  release_what_left(true);
  cudaStreamDestroy(stream_);
}

void* CudaStream::handle() {
  position_++;
  return stream_;
}

cudaEvent_t CudaStream::record() {
  cudaEvent_t event = events_.take();
  const cudaError_t code = cudaEventRecord(event, stream_);
  if (code != cudaSuccess) events_.give_back(event);
  check(code, "cudaEventRecord");
  return event;
}

void CudaStream::wait_for(Stream& stream) {
  CudaStream& other = static_cast<CudaStream&>(stream);
  if (&other == this) return;
  const uint64_t position = other.position_.load();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    uint64_t& waited = waited_[other.number_];
    if (waited >= position) return;
    waited = position;
  }
  cudaEvent_t event = other.record();
  const cudaError_t code = cudaStreamWaitEvent(stream_, event, 0);
  events_.give_back(event);  // recording it anew does not change what was waited for
  check(code, "cudaStreamWaitEvent");
  position_++;
}

void CudaStream::upload(void* device, const void* host, size_t bytes) {
  if (bytes == 0) return;
  position_++;
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync to the GPU");
}

void CudaStream::download(void* host, const View& v) {
  if (v.count() == 0) return;
  position_++;
  const size_t size = dtype_size(v.dtype), width = static_cast<size_t>(v.width()) * size;
  const size_t stride = static_cast<size_t>(v.row_stride) * size, rows = static_cast<size_t>(v.rows());
  if (v.contiguous()) {
    check(cudaMemcpyAsync(host, v.data<char>(), width * rows, cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync from the GPU");
  } else {
    check(
        cudaMemcpy2DAsync(host, width, v.data<char>(), stride, width, rows, cudaMemcpyDeviceToHost, stream_),
        "cudaMemcpy2DAsync from the GPU");
  }
}

void CudaStream::release_host(void* host, size_t bytes) {
  release_what_left(false);
  cudaEvent_t event = nullptr;
  try {
    event = record();
  } catch (const Error&) {
    // The device has failed: nothing copies any more.
    cudaGetLastError();
    host_.free(host, bytes);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  leaving_.push_back({event, host, bytes});
}

// Gives back what the stream has passed.
void CudaStream::release_what_left(bool wait) {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t passed = 0;
  while (passed < leaving_.size()) {
    const Leaving& each = leaving_[passed];
    if (!wait && cudaEventQuery(each.event) == cudaErrorNotReady) break;
    host_.free(each.host, each.bytes);
    events_.give_back(each.event);
    passed++;
  }
  cudaGetLastError();
  leaving_.erase(leaving_.begin(), leaving_.begin() + static_cast<ptrdiff_t>(passed));
}

std::unique_ptr<Marker> CudaStream::mark() {
  return std::make_unique<EventMarker>(events_, record());
}

std::unique_ptr<StreamTimer> CudaStream::start_timer() {
  position_++;
  return std::make_unique<EventTimer>(device_, stream_);
}

}  // namespace athanor
