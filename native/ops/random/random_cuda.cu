// CUDA code of this folder: not written yet.
#include "ops/random/random.h"

namespace athanor {

void random_forward(Cuda, const Random& r) {
  throw Error(ErrorCode::cuda, "random_forward: no CUDA code yet");
}

}  // namespace athanor
