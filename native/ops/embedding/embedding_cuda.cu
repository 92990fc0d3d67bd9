// CUDA code of this folder: not written yet.
#include "ops/embedding/embedding.h"

namespace athanor {

void embedding_forward(Cuda, const EmbeddingForward& a) {
  throw Error(ErrorCode::cuda, "embedding_forward: no CUDA code yet");
}

}  // namespace athanor
