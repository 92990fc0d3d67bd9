// CUDA code of this folder: not written yet.
#include "ops/linear/linear.h"

namespace athanor {

void linear_forward(Cuda, const LinearForward& a) {
  throw Error(ErrorCode::cuda, "linear_forward: no CUDA code yet");
}
void linear_grad_input(Cuda, const LinearGradInput& a) {
  throw Error(ErrorCode::cuda, "linear_grad_input: no CUDA code yet");
}
void linear_grad_weight(Cuda, const LinearGradWeight& a) {
  throw Error(ErrorCode::cuda, "linear_grad_weight: no CUDA code yet");
}
void column_sums(Cuda, const ColumnSums& a) {
  throw Error(ErrorCode::cuda, "column_sums: no CUDA code yet");
}

}  // namespace athanor
