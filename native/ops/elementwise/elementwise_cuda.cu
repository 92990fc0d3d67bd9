// CUDA code of this folder: not written yet.
#include "ops/elementwise/arithmetic.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/where.h"

namespace athanor {

void arithmetic_forward(Cuda, const ArithmeticForward& a) {
  throw Error(ErrorCode::cuda, "arithmetic_forward: no CUDA code yet");
}
void arithmetic_backward(Cuda, const ArithmeticBackward& a) {
  throw Error(ErrorCode::cuda, "arithmetic_backward: no CUDA code yet");
}
void function_forward(Cuda, const FunctionForward& a) {
  throw Error(ErrorCode::cuda, "function_forward: no CUDA code yet");
}
void function_backward(Cuda, const FunctionBackward& a) {
  throw Error(ErrorCode::cuda, "function_backward: no CUDA code yet");
}
void where_forward(Cuda, const WhereForward& a) {
  throw Error(ErrorCode::cuda, "where_forward: no CUDA code yet");
}
void where_backward(Cuda, const WhereBackward& a) {
  throw Error(ErrorCode::cuda, "where_backward: no CUDA code yet");
}

}  // namespace athanor
