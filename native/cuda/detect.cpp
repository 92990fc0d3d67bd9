// Which GPUs can be used, and if none, why: a sentence for each ordinary state.
#include <cuda_runtime.h>

#include "core/accelerator.h"

namespace athanor {

namespace {

constexpr int oldest_driver = 13000;   // the CUDA version that the linked runtime needs
constexpr int oldest_capability = 80;  // cp.async and bf16 mma

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string cuda_text(cudaError_t code) {
  return std::string(cudaGetErrorName(code)) + ": " + cudaGetErrorString(code);
}

// Empty when devices can be counted.
std::string driver_problem(int& count) {
  int driver = 0;
  cudaError_t code = cudaDriverGetVersion(&driver);
  if (code != cudaSuccess) return "the NVIDIA driver does not answer: " + cuda_text(code);
  if (driver == 0) return "no NVIDIA driver is installed";
  if (driver < oldest_driver) {
    return "the NVIDIA driver is too old: it knows CUDA " + version_text(driver) +
           ", needed is 13.0, which comes with driver 580 or newer";
  }
  code = cudaGetDeviceCount(&count);
  if (code == cudaErrorNoDevice) return "the NVIDIA driver is there, but no GPU";
  if (code != cudaSuccess) return "the GPUs cannot be counted: " + cuda_text(code);
  return count == 0 ? "the NVIDIA driver is there, but no GPU" : "";
}

DeviceState state_of(int index) {
  DeviceState state;
  state.name = "cuda:" + std::to_string(index);
  state.kind = "cuda";
  cudaDeviceProp properties{};
  const cudaError_t code = cudaGetDeviceProperties(&properties, index);
  if (code != cudaSuccess) {
    state.reason = "its properties cannot be read: " + cuda_text(code);
    return state;
  }
  state.model = properties.name;
  state.memory = static_cast<double>(properties.totalGlobalMem);
  const int capability = properties.major * 10 + properties.minor;
  state.available = capability >= oldest_capability;
  if (!state.available) {
    state.reason = state.model + " has compute capability " + std::to_string(properties.major) + "." +
                   std::to_string(properties.minor) + ", needed is 8.0 (Ampere) or newer";
  }
  return state;
}

CudaSupport ask() {
  CudaSupport support;
  int count = 0;  // the driver leaves it untouched when it fails
  support.reason = driver_problem(count);
  cudaGetLastError();  // not to be found by the first launch
  if (!support.reason.empty()) return support;
  std::string why;
  bool any = false;
  for (int i = 0; i < count; i++) {
    support.devices.push_back(state_of(i));
    any = any || support.devices.back().available;
    if (why.empty()) why = support.devices.back().reason;
  }
  if (!any) support.reason = "no GPU can be used: " + why;
  return support;
}

}  // namespace

const CudaSupport& cuda_support() {
  static const CudaSupport* support = new CudaSupport(ask());
  return *support;
}

}  // namespace athanor
