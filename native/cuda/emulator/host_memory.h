// Inside of the emulator only.
#pragma once

#include <cstddef>

namespace emulated {

// Bytes of a device: CUDA_EMULATION_MEMORY in MiB, or 4 GiB.
size_t total_memory();
int current_device();

}  // namespace emulated
