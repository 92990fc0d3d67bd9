// CUDA code of this folder: not written yet.
#include "ops/cast/cast.h"

namespace athanor {

void cast_forward(Cuda, const Cast& a) {
  throw Error(ErrorCode::cuda, "cast_forward: no CUDA code yet");
}

}  // namespace athanor
