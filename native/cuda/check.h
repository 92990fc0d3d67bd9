// Every call to CUDA goes through check(): a failure becomes an Error with CUDA's own name for it. Kernel
// faults surface at a later call and are sticky: the device's context is lost.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "core/error.h"

namespace athanor {

[[noreturn]] inline void throw_cuda_error(cudaError_t status, const char* what) {
  ErrorCode code = status == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::cuda;
  throw Error(code,
              std::string(what) + ": " + cudaGetErrorName(status) + " (" + cudaGetErrorString(status) + ")");
}

inline void check(cudaError_t status, const char* what = "cuda") {
  if (status != cudaSuccess) throw_cuda_error(status, what);
}

}  // namespace athanor
