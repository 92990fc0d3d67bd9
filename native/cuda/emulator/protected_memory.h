// Device memory that the host cannot reach (CUDA_EMULATION_PROTECT=1). Inside of the emulator only.
#pragma once

#include <cstddef>

namespace emulated {

bool memory_is_protected();
// From the protected range; null when it is full.
void* allocate_protected(size_t bytes);
void free_protected(void* pointer, size_t bytes);

// In its scope device memory can be reached: around kernels, copies and fills.
class DeviceMemoryOpen {
 public:
  DeviceMemoryOpen();
  ~DeviceMemoryOpen();
  DeviceMemoryOpen(const DeviceMemoryOpen&) = delete;
  DeviceMemoryOpen& operator=(const DeviceMemoryOpen&) = delete;
};

}  // namespace emulated
