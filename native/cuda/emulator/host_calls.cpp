// Errors, devices, streams and events of the emulated runtime; memory is in host_memory.cpp.
#include "cuda/emulator/host_calls.h"

#include <cuda.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

#include "cuda/emulator/block.h"
#include "cuda/emulator/host_memory.h"

namespace emulated {
namespace {

// The limits of the smallest device of our release builds (sm_86: 100 KiB for a multiprocessor, 1 of it
// reserved), and few multiprocessors, so that loops over the grid turn more than once.
constexpr size_t least_shared = 99 * 1024, hopper_shared = 227 * 1024, shared_without_asking = 48 * 1024;
constexpr int multiprocessors = 2, least_capability = 86, hopper_capability = 90, emulated_version = 13000;

// 10 * major + minor: the environment's CUDA_EMULATION_CAPABILITY.
int capability() {
  static const int value = [] {
    const char* wanted = std::getenv("CUDA_EMULATION_CAPABILITY");
    return wanted ? std::atoi(wanted) : least_capability;
  }();
  return value;
}

struct Runtime {
  std::mutex mutex;
  cudaError_t last = cudaSuccess, sticky = cudaSuccess;
  size_t most_shared = capability() == hopper_capability ? hopper_shared : least_shared;
  bool faulted = false;  // by a kernel that nobody has waited for yet
  std::unordered_map<const void*, size_t> shared_limits;
};

Runtime& runtime() {
  static Runtime* made = new Runtime();
  return *made;
}

thread_local int device_of_thread = 0;

int device_count() {
  const char* wanted = std::getenv("CUDA_EMULATION_DEVICES");
  return wanted ? std::atoi(wanted) : 1;
}

}  // namespace

cudaError_t record_failure(cudaError_t error) {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.last = error;
  if (error == cudaErrorLaunchFailure) r.sticky = error;
  return error;
}

cudaError_t sticky_failure() {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  return r.sticky;
}

cudaError_t failure_when_waiting() {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  if (r.faulted && r.sticky == cudaSuccess) r.sticky = r.last = cudaErrorIllegalAddress;
  return r.sticky;
}

bool launch_faults() {
  static const uint64_t wanted = [] {
    const char* value = std::getenv("CUDA_EMULATION_FAULT");
    return value ? std::strtoull(value, nullptr, 10) : 0;
  }();
  static uint64_t launches = 0;
  if (wanted == 0 || ++launches != wanted) return false;
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  return r.faulted = true;
}

void clear_failure() {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.sticky = r.last = cudaSuccess;
  r.faulted = false;
}

size_t shared_limit(const void* kernel) {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  auto found = r.shared_limits.find(kernel);
  return found == r.shared_limits.end() ? shared_without_asking : found->second;
}

size_t most_shared_bytes() {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  return r.most_shared;
}

void set_most_shared_bytes(size_t bytes) {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.most_shared = bytes;
}

int current_device() {
  return device_of_thread;
}

}  // namespace emulated

using namespace emulated;

struct CUstream_st {
  int priority;
};

struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded;
};

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define NAME(name) \
  case name: return #name;
    NAME(cudaSuccess)
    NAME(cudaErrorInvalidValue)
    NAME(cudaErrorMemoryAllocation)
    NAME(cudaErrorInitializationError)
    NAME(cudaErrorInvalidConfiguration)
    NAME(cudaErrorInvalidDevicePointer)
    NAME(cudaErrorInvalidMemcpyDirection)
    NAME(cudaErrorInsufficientDriver)
    NAME(cudaErrorNoDevice)
    NAME(cudaErrorInvalidDevice)
    NAME(cudaErrorInvalidResourceHandle)
    NAME(cudaErrorNotReady)
    NAME(cudaErrorIllegalAddress)
    NAME(cudaErrorLaunchOutOfResources)
    NAME(cudaErrorPeerAccessAlreadyEnabled)
    NAME(cudaErrorLaunchFailure)
    NAME(cudaErrorNotSupported)
    NAME(cudaErrorUnknown)
#undef NAME
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration:
    case cudaErrorLaunchFailure: return failure();
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNotReady: return "device not ready";
    default: return "invalid argument";
  }
}

cudaError_t cudaPeekAtLastError() {
  std::lock_guard<std::mutex> lock(runtime().mutex);
  return runtime().last;
}

cudaError_t cudaGetLastError() {
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  cudaError_t last = r.last;
  r.last = r.sticky;
  return last;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = emulated_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = emulated_version;
  return cudaSuccess;
}

// Of the driver's functions there is one.
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long, cudaDriverEntryPointQueryResult* found) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&cuTensorMapEncodeTiled) : nullptr;
  *found = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (device_count() == 0) return record_failure(cudaErrorNoDevice);
  *count = device_count();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count()) return record_failure(cudaErrorInvalidDevice);
  device_of_thread = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = device_of_thread;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= device_count()) return record_failure(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "Emulated GPU");
  properties->totalGlobalMem = total_memory();
  properties->sharedMemPerBlock = shared_without_asking;
  properties->sharedMemPerBlockOptin = most_shared_bytes();
  properties->sharedMemPerMultiprocessor = most_shared_bytes() + 1024;
  properties->regsPerBlock = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
  properties->maxThreadsDim[2] = 64;
  properties->maxGridSize[0] = 0x7FFFFFFF;
  properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
  properties->major = capability() / 10;
  properties->minor = capability() % 10;
  properties->multiProcessorCount = multiprocessors;
  properties->maxThreadsPerMultiProcessor = 1536;
  properties->l2CacheSize = 4 << 20;
  properties->memoryBusWidth = 256;
  properties->pciBusID = device;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device < 0 || device >= device_count()) return record_failure(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = 1024; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = shared_without_asking; return cudaSuccess;
    case cudaDevAttrWarpSize: *value = 32; return cudaSuccess;
    case cudaDevAttrClockRate: *value = 1000000; return cudaSuccess;
    case cudaDevAttrMultiProcessorCount: *value = multiprocessors; return cudaSuccess;
    case cudaDevAttrMemoryClockRate: *value = 1000000; return cudaSuccess;
    case cudaDevAttrGlobalMemoryBusWidth: *value = 256; return cudaSuccess;
    case cudaDevAttrL2CacheSize: *value = 4 << 20; return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 1536; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor: *value = capability() / 10; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor: *value = capability() % 10; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(most_shared_bytes()) + 1024;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(most_shared_bytes());
      return cudaSuccess;
    case cudaDevAttrMemoryPoolsSupported: *value = 1; return cudaSuccess;
  }
  return record_failure(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceSynchronize() {
  return failure_when_waiting();
}
cudaError_t cudaDeviceReset() {
  clear_failure();
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  *can = device != peer;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) {
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<size_t>(value) > most_shared_bytes())
    return record_failure(cudaErrorInvalidValue);
  Runtime& r = runtime();
  std::lock_guard<std::mutex> lock(r.mutex);
  r.shared_limits[kernel] = static_cast<size_t>(value);
  return cudaSuccess;
}

// ---- streams and events ----

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int priority) {
  if (cudaError_t before = sticky_failure()) return before;
  *stream = new (std::nothrow) CUstream_st{priority};
  return *stream ? cudaSuccess : record_failure(cudaErrorMemoryAllocation);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, 0, 0);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return sticky_failure();
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return failure_when_waiting();
}
cudaError_t cudaStreamQuery(cudaStream_t) {
  return failure_when_waiting();
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return sticky_failure();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (cudaError_t before = sticky_failure()) return before;
  *event = new (std::nothrow) CUevent_st{};
  return *event ? cudaSuccess : record_failure(cudaErrorMemoryAllocation);
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return sticky_failure();
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->time = std::chrono::steady_clock::now();
  event->recorded = true;
  return sticky_failure();
}
cudaError_t cudaEventQuery(cudaEvent_t) {
  return failure_when_waiting();
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return failure_when_waiting();
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  if (!from->recorded || !to->recorded) return record_failure(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return sticky_failure();
}
