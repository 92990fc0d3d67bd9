// Where the gradient of a parameter goes.
#pragma once

#include "core/dtype.h"

namespace athanor {

// f32 for a leaf, else the parameter's own dtype (Backward::gradient_dtype); null: nobody wants it.
struct ParameterGradient {
  void* data;
  DType dtype;
};

}  // namespace athanor
