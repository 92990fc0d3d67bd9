// CUDA code of this folder: not written yet.
#include "ops/dropout/dropout.h"

namespace athanor {

void dropout_forward(Cuda, const Dropout& a) {
  throw Error(ErrorCode::cuda, "dropout_forward: no CUDA code yet");
}

}  // namespace athanor
