// CUDA code of this folder: not written yet.
#include "ops/matmul/matmul.h"

namespace athanor {

void batched_product(Cuda, const BatchedProduct& a) {
  throw Error(ErrorCode::cuda, "batched_product: no CUDA code yet");
}

}  // namespace athanor
