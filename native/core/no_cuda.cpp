// A build without CUDA: says so.
#ifndef WITH_CUDA
#include "core/accelerator.h"

namespace athanor {

const CudaSupport& cuda_support() {
  static const CudaSupport* support = new CudaSupport{
      "no CUDA in this build: build with `npm run build:cuda` where a CUDA compiler is installed", {}};
  return *support;
}

Accelerator& make_cuda_accelerator(int) {
  throw Error(ErrorCode::cuda, cuda_support().reason);
}

}  // namespace athanor
#endif
