// Descriptions of devices, for people and for the choice of kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace athanor {

enum class DeviceKind : int32_t { cpu = 0, cuda = 1 };

// What kernels and their choice need to know of a GPU.
struct CudaProperties {
  int index;            // among the GPUs of the process
  int capability;       // 10 * major + minor
  int multiprocessors;  // number of streaming multiprocessors
  size_t shared_bytes;  // most shared memory that a block may ask for
};

struct DeviceState {
  std::string name, kind, reason;  // reason: why it is not available
  double memory = 0;               // bytes
  bool available = false;
  std::string model;  // what the maker calls it; empty for the CPU
};

}  // namespace athanor
