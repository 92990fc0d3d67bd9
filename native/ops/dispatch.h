// From a running command to the code of its device. The only file with #ifdef WITH_CUDA.
#pragma once

#include <string>

#include "core/device.h"
#include "core/dtype.h"
#include "core/queue.h"

namespace athanor {

struct Cpu {};

// Where kernels are launched: on the stream of the command's queue. Device functions take it by value.
struct Cuda {
  void* stream;                      // cudaStream_t
  Memory* scratch;                   // memory of that stream, for native/cuda/scratch.h
  const CudaProperties* properties;  // of the device
};

// Calls f with the device tag: on_device(e, [&](auto device) { layer_norm_forward(device, arguments); });
template <class F>
void on_device(Execution& execution, const F& f) {
  if (execution.device.kind() == DeviceKind::cpu) return f(Cpu{});
#ifdef WITH_CUDA
  f(Cuda{execution.stream, execution.scratch, execution.device.cuda_properties()});
#else
  throw Error(ErrorCode::cuda, "no CUDA in this build");
#endif
}

// The same for code that is compiled per element type: f(device, zero of float or, on CUDA, bf16).
//   on_device_as(e, x.dtype, "gelu", [&](auto device, auto zero) { using T = decltype(zero); ... });
template <class F>
void on_device_as(Execution& execution, DType dtype, const char* op, const F& f) {
  if (dtype == DType::f32) return on_device(execution, [&](auto device) { f(device, float{}); });
#ifdef WITH_CUDA
  if (dtype == DType::bf16 && execution.device.kind() == DeviceKind::cuda) {
    return f(Cuda{execution.stream, execution.scratch, execution.device.cuda_properties()}, bf16{});
  }
#endif
  throw Error(ErrorCode::dtype, std::string(op) + ": no code for " + dtype_name(dtype) + " elements on " +
                                    execution.device.name());
}

// Beside elements of type T, the gradient of a bf16 leaf is float and any other one is T (tape.h,
// gradient_dtype): f(zero of that type).
template <class T, class F>
void gradient_as(DType dtype, const F& f) {
  if (dtype == DType::f32) return f(float{});
  f(T{});
}

}  // namespace athanor
