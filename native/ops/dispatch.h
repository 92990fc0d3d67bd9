// From a running command to the code of its device. The only file with #ifdef WITH_CUDA.
#pragma once

#include "core/device.h"

namespace athanor {

struct Cpu {};

#ifdef WITH_CUDA
struct Cuda {
  void* stream;
};
#endif

// Calls f with the device tag: on_device(e, [&](auto device) { layer_norm_forward(device, arguments); });
template <class F>
void on_device(Execution& execution, const F& f) {
  if (execution.device.kind() == DeviceKind::cpu) return f(Cpu{});
  throw Error(ErrorCode::cuda, "no CUDA in this build");
}

}  // namespace athanor
