// CUDA code of this folder: not written yet.
#include "ops/gather_rows/gather_rows.h"

namespace athanor {

void check_indices(Cuda, const IndexCheck& check, const int32_t* index, int64_t count, int64_t rows) {
  throw Error(ErrorCode::cuda, "check_indices: no CUDA code yet");
}
void gather_rows_forward(Cuda, const GatherRows& a) {
  throw Error(ErrorCode::cuda, "gather_rows_forward: no CUDA code yet");
}
void scatter_rows(Cuda, const ScatterRows& a) {
  throw Error(ErrorCode::cuda, "scatter_rows: no CUDA code yet");
}

}  // namespace athanor
