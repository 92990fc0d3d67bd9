// CUDA code of this folder: not written yet.
#include "ops/attention/attention.h"

namespace athanor {

void attention_forward(Cuda, const AttentionForward& a) {
  throw Error(ErrorCode::cuda, "attention_forward: no CUDA code yet");
}
void attention_backward(Cuda, const AttentionBackward& a) {
  throw Error(ErrorCode::cuda, "attention_backward: no CUDA code yet");
}
void attention_weights(Cuda, const AttentionWeights& a) {
  throw Error(ErrorCode::cuda, "attention_weights: no CUDA code yet");
}

}  // namespace athanor
