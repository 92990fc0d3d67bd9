// CUDA code of this folder: not written yet.
#include "ops/reduce/reduce.h"

namespace athanor {

void sum_forward(Cuda, const SumForward& a) {
  throw Error(ErrorCode::cuda, "sum_forward: no CUDA code yet");
}
void sum_backward(Cuda, const SumBackward& a) {
  throw Error(ErrorCode::cuda, "sum_backward: no CUDA code yet");
}

}  // namespace athanor
