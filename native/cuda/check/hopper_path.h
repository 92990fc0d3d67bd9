// Lets a case take the kernels for compute capability 9.0, which are off by default: the variable that asks
// for them is set, and the emulated device, which has their words, is one of 9.0 with its shared memory. On
// another GPU the portable kernels run, as use_hopper() and its like decide.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "cuda/check/kernel_check.h"

namespace athanor {

// An environment variable with another value for a while; null: unset.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~ScopedVariable() { set(before_ ? before_->c_str() : nullptr); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const char* value) { value ? setenv(name_, value, 1) : unsetenv(name_); }

  const char* name_;
  std::optional<std::string> before_;
};

class HopperPath {
 public:
  HopperPath(KernelCheck& check, const char* variable)
      : check_(check),
        variable_(variable, "hopper"),
        before_(check.cuda.properties),
        properties_(*check.cuda.properties) {
#if defined(CUDA_EMULATED)
    properties_.capability = 90;
    properties_.shared_bytes = hopper_shared;
    emulated::set_most_shared_bytes(hopper_shared);
#endif
    check.cuda.properties = &properties_;
  }
  ~HopperPath() {
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
  ScopedVariable variable_;
  const CudaProperties* before_;
  CudaProperties properties_;
};

}  // namespace athanor
