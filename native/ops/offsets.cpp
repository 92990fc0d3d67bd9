#include "ops/offsets.h"

namespace athanor {

void check_offsets(const int32_t* offsets, int64_t batch, int64_t rows, const char* op, const char* name,
                   ErrorCode code) {
  auto fail = [&](const std::string& text) {
    throw Error(code, std::string(op) + ": " + name + " must " + text);
  };
  if (offsets[0] != 0) fail("start at 0, got " + std::to_string(offsets[0]));
  for (int64_t b = 0; b < batch; b++) {
    if (offsets[b + 1] < offsets[b]) {
      fail("never decrease, got " + std::to_string(offsets[b]) + " then " + std::to_string(offsets[b + 1]) +
           " at sequence " + std::to_string(b));
    }
  }
  if (offsets[batch] != rows) {
    fail("end at the number of rows " + std::to_string(rows) + ", got " + std::to_string(offsets[batch]));
  }
}

int64_t check_offsets_tensor(const Call& c, const TensorRef& offsets, int64_t rows, const char* name) {
  c.check_dtype(offsets, name, DType::i32);
  c.check_rank(offsets, name, 1, 1);
  int64_t batch = offsets->shape()[0] - 1;
  if (batch < 0)
    c.fail(ErrorCode::shape, std::string(name) + " must have one element more than sequences, got (0)");
  if (const int32_t* host = offsets->view.host<int32_t>()) {
    check_offsets(host, batch, rows, c.op, name, ErrorCode::argument);
  }
  return batch;
}

}  // namespace athanor
