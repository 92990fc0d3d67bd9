// What TMA knows of a tensor (CUDA Driver API, "Tensor Map Object Management"), for kernels of sm_90a.
#pragma once

#include <cuda.h>

#include "core/dtype.h"

namespace athanor {

// (batch, rows, columns) in memory, strides in elements.
struct TensorExtent {
  int64_t batch, rows, columns, row_stride, batch_stride;
};

// To be read in boxes of `box_rows` lines of 64 columns, which are swizzled in shared memory
// (layout_hopper.h); what lies outside comes as zero. No extent may be 0; rows are aligned to 16 bytes.
// Throws ERR_CUDA without a driver, or where the driver refuses.
CUtensorMap tensor_map(const bf16* data, const TensorExtent& extent, int box_rows);

}  // namespace athanor
