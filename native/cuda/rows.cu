// CUDA code of core/rows.h: not written yet.
#include "core/rows.h"

namespace athanor {

void copy_rows(Cuda, const View& target, const View& source) {
  throw Error(ErrorCode::cuda, "copy_rows: no CUDA code yet");
}
void fill_rows(Cuda, const View& target, float value) {
  throw Error(ErrorCode::cuda, "fill_rows: no CUDA code yet");
}
void add_rows(Cuda, const View& y, const View& a, const View& b) {
  throw Error(ErrorCode::cuda, "add_rows: no CUDA code yet");
}

}  // namespace athanor
