// Moves bytes on the device: `blocks` pieces of `block_bytes`, each at its stride in bytes. Without `from`
// zeros are written.
#pragma once

#include <cstdint>

#include "ops/dispatch.h"

namespace athanor {

void copy_bytes(const Cuda& cuda, char* to, int64_t to_stride, const char* from, int64_t from_stride,
                int64_t blocks, int64_t block_bytes);

}  // namespace athanor
