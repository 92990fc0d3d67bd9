// Lets a case take the kernels for compute capability 9.0, which are off by default: the variable that asks
// for them is set, and the emulated device, which has their words, is one of 9.0 with its shared memory. On
// another GPU the portable kernels run, as use_hopper() and its like decide.
#pragma once

#include <cstdlib>

#include "cuda/check/kernel_check.h"

namespace athanor {

class HopperPath {
 public:
  HopperPath(KernelCheck& check, const char* variable)
      : check_(check),
        variable_(variable),
        before_(check.cuda.properties),
        properties_(*check.cuda.properties) {
#if defined(CUDA_EMULATED)
    properties_.capability = 90;
    properties_.shared_bytes = hopper_shared;
    emulated::set_most_shared_bytes(hopper_shared);
#endif
    check.cuda.properties = &properties_;
    setenv(variable, "hopper", 1);
  }
  ~HopperPath() {
    unsetenv(variable_);
#if defined(CUDA_EMULATED)
    emulated::set_most_shared_bytes(before_->shared_bytes);
#endif
    check_.cuda.properties = before_;
  }
  HopperPath(const HopperPath&) = delete;
  HopperPath& operator=(const HopperPath&) = delete;

 private:
  static constexpr size_t hopper_shared = 227 * 1024;  // of a block

  KernelCheck& check_;
  const char* variable_;
  const CudaProperties* before_;
  CudaProperties properties_;
};

}  // namespace athanor
