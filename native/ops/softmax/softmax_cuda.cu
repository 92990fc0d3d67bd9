// CUDA code of this folder: not written yet.
#include "ops/softmax/softmax.h"

namespace athanor {

void softmax_forward(Cuda, const SoftmaxRows& a) {
  throw Error(ErrorCode::cuda, "softmax_forward: no CUDA code yet");
}
void softmax_backward(Cuda, const SoftmaxGradient& a) {
  throw Error(ErrorCode::cuda, "softmax_backward: no CUDA code yet");
}
void log_softmax_forward(Cuda, const SoftmaxRows& a) {
  throw Error(ErrorCode::cuda, "log_softmax_forward: no CUDA code yet");
}
void log_softmax_backward(Cuda, const SoftmaxGradient& a) {
  throw Error(ErrorCode::cuda, "log_softmax_backward: no CUDA code yet");
}
void logsumexp_forward(Cuda, const SoftmaxRows& a) {
  throw Error(ErrorCode::cuda, "logsumexp_forward: no CUDA code yet");
}
void logsumexp_backward(Cuda, const SoftmaxGradient& a) {
  throw Error(ErrorCode::cuda, "logsumexp_backward: no CUDA code yet");
}

}  // namespace athanor
