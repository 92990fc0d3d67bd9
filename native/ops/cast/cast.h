// y = x in another element type. Every value goes through fp32, which loses nothing that the result could
// hold, but for i32 to bf16, rounded twice. To f32 and bf16: round to nearest even. To integers: towards
// zero, values beyond the type's range become its end, NaN becomes 0.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct Cast {
  const void* x;  // (n)
  DType from;
  void* y;  // (n)
  DType to;
  int64_t n;
};

void cast_forward(Cpu, const Cast& a);
void cast_forward(Cuda, const Cast& a);

}  // namespace athanor
