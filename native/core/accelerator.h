// What the engine asks of a GPU, without a word of CUDA: native/cuda implements it. A device that has one
// runs commands by launching on the stream of their queue; the host is ahead of the device, so memory is
// reused in the order of a stream and what must be over is waited for by events.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/allocator.h"
#include "core/device_state.h"
#include "core/error.h"
#include "core/queue.h"
#include "core/tensor.h"

namespace athanor {

// A point on a stream, for waiting on the host.
class Marker {
 public:
  virtual ~Marker() = default;
  virtual bool reached() = 0;  // throws ERR_CUDA when the device has failed
};

// The time between two points of a stream, by the GPU's clock.
class StreamTimer {
 public:
  virtual ~StreamTimer() = default;
  virtual void stop() = 0;
  virtual double seconds() = 0;  // once the stream has passed it; waits for that
};

// The stream of one queue. Any thread may call; a call takes microseconds.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void* handle() = 0;       // cudaStream_t
  virtual Memory& allocator() = 0;  // device memory, reused in the order of this stream
  // Whatever is put on this stream from now on runs after all that is on `other` now.
  virtual void wait_for(Stream& other) = 0;
  // Copies in stream order. `host` may be changed when the call returns, unless it is of host_memory().
  virtual void upload(void* device, const void* host, size_t bytes) = 0;
  // Rows of a view, which may be a range of columns, one after the other into memory of host_memory().
  virtual void download(void* host, const View& v) = 0;
  // Gives memory of host_memory() back once all that is on the stream now has run.
  virtual void release_host(void* host, size_t bytes) = 0;
  virtual std::unique_ptr<Marker> mark() = 0;
  virtual std::unique_ptr<StreamTimer> start_timer() = 0;
};

class Accelerator {
 public:
  virtual const CudaProperties& properties() = 0;
  virtual void enter_thread() = 0;  // the executor's first call
  virtual std::unique_ptr<Stream> make_stream(Priority priority) = 0;
  virtual Memory& host_memory() = 0;  // that the device copies from and to without a detour
  // Whether a fault has ended the GPU's context: every call then fails, whatever it is asked to do.
  virtual bool lost() = 0;
  virtual MemoryCounts counts() = 0;  // of all streams together
  virtual void empty_cache() = 0;
  virtual void reset_peak() = 0;

 protected:
  ~Accelerator() = default;  // lives as long as the process
};

struct CudaSupport {
  std::string reason;                // why there is no device that can be used; empty if there is one
  std::vector<DeviceState> devices;  // in the order of their numbers
};

// Asks the driver once, at the first call. Never throws: no driver, an old one and no GPU are ordinary
// states.
const CudaSupport& cuda_support();
Accelerator& make_cuda_accelerator(int index);  // throws ERR_CUDA

}  // namespace athanor
