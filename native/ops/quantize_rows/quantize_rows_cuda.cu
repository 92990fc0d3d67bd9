// CUDA code of this folder: not written yet.
#include "ops/quantize_rows/quantize_rows.h"

namespace athanor {

void quantize_rows_forward(Cuda, const QuantizeRows& a) {
  throw Error(ErrorCode::cuda, "quantize_rows_forward: no CUDA code yet");
}

}  // namespace athanor
