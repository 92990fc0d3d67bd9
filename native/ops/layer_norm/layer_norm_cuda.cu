// CUDA code of this folder: not written yet.
#include "ops/layer_norm/layer_norm.h"

namespace athanor {

void layer_norm_forward(Cuda, const LayerNormForward& a) {
  throw Error(ErrorCode::cuda, "layer_norm_forward: no CUDA code yet");
}
void layer_norm_backward(Cuda, const LayerNormBackward& a) {
  throw Error(ErrorCode::cuda, "layer_norm_backward: no CUDA code yet");
}

}  // namespace athanor
