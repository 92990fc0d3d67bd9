// CUDA code of this folder: not written yet.
#include "ops/rearrange/rearrange.h"

namespace athanor {

void copy_blocks(Cuda, const CopyBlocks& a) {
  throw Error(ErrorCode::cuda, "copy_blocks: no CUDA code yet");
}
void transpose_forward(Cuda, const Transpose& a) {
  throw Error(ErrorCode::cuda, "transpose_forward: no CUDA code yet");
}

}  // namespace athanor
