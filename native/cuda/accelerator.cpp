// A GPU as the engine sees it.
#include "core/accelerator.h"

#include <cuda_runtime.h>

#include "cuda/check.h"
#include "cuda/device_memory.h"
#include "cuda/stream.h"

namespace athanor {

namespace {

CudaProperties properties_of(int index) {
  auto attribute = [index](cudaDeviceAttr which, const char* name) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, index), name);
    return value;
  };
  CudaProperties p{};
  p.index = index;
  p.capability = attribute(cudaDevAttrComputeCapabilityMajor, "compute capability") * 10 +
                 attribute(cudaDevAttrComputeCapabilityMinor, "compute capability");
  p.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, "number of multiprocessors");
  p.shared_bytes =
      static_cast<size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, "shared memory of a block"));
  return p;
}

class CudaAccelerator final : public Accelerator {
 public:
  explicit CudaAccelerator(int index)
      : properties_(properties_of(index)), memory_(index), host_(pinned_memory()), events_(index) {}

  const CudaProperties& properties() override { return properties_; }
  void enter_thread() override { cudaSetDevice(properties_.index); }
  std::unique_ptr<Stream> make_stream(Priority priority) override {
    return std::make_unique<CudaStream>(properties_.index, priority, memory_, host_, events_);
  }
  Memory& host_memory() override { return host_; }
  bool lost() override {
    const CurrentDevice current(properties_.index);
    const cudaError_t code = cudaStreamQuery(nullptr);
    cudaGetLastError();  // not to be found by the next launch
    return code != cudaSuccess && code != cudaErrorNotReady;
  }
  MemoryCounts counts() override { return memory_.counts(); }
  void empty_cache() override { memory_.empty_cache(); }
  void reset_peak() override { memory_.reset_peak(); }

 private:
  const CudaProperties properties_;
  DeviceMemory memory_;
  Allocator host_;
  EventPool events_;
};

}  // namespace

Accelerator& make_cuda_accelerator(int index) {
  const CudaSupport& support = cuda_support();
  if (!support.reason.empty()) throw Error(ErrorCode::cuda, support.reason);
  const DeviceState& state = support.devices[static_cast<size_t>(index)];
  if (!state.available) throw Error(ErrorCode::cuda, "device " + state.name + ": " + state.reason);
  return *new CudaAccelerator(index);
}

}  // namespace athanor
