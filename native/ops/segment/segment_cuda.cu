// CUDA code of this folder: not written yet.
#include "ops/segment/segment.h"

namespace athanor {

void segment_reduce_forward(Cuda, const SegmentReduceForward& a) {
  throw Error(ErrorCode::cuda, "segment_reduce_forward: no CUDA code yet");
}
void segment_reduce_backward(Cuda, const SegmentReduceBackward& a) {
  throw Error(ErrorCode::cuda, "segment_reduce_backward: no CUDA code yet");
}
void segment_softmax_forward(Cuda, const SegmentSoftmaxForward& a) {
  throw Error(ErrorCode::cuda, "segment_softmax_forward: no CUDA code yet");
}
void segment_softmax_backward(Cuda, const SegmentSoftmaxBackward& a) {
  throw Error(ErrorCode::cuda, "segment_softmax_backward: no CUDA code yet");
}
void segment_cross_entropy_forward(Cuda, const SegmentCrossEntropyForward& a) {
  throw Error(ErrorCode::cuda, "segment_cross_entropy_forward: no CUDA code yet");
}
void segment_cross_entropy_backward(Cuda, const SegmentCrossEntropyBackward& a) {
  throw Error(ErrorCode::cuda, "segment_cross_entropy_backward: no CUDA code yet");
}

}  // namespace athanor
