#include "ops/attention/attention.h"
#include "ops/offsets.h"

namespace athanor {

void check_attention_sequences(const AttentionSettings& in, const int32_t* offsets,
                               const int32_t* key_offsets, ErrorCode code) {
  check_offsets(offsets, in.batch, in.q_rows, "attention", "offsets", code);
  if (key_offsets != offsets || in.k_rows != in.q_rows) {
    check_offsets(key_offsets, in.batch, in.k_rows, "attention", "keyOffsets", code);
  }
  if (in.bias_batch == 0) return;  // none
  for (int64_t b = 0; b < in.batch; b++) {
    const int64_t rows = offsets[b + 1] - offsets[b], keys = key_offsets[b + 1] - key_offsets[b];
    if (rows <= in.bias_rows && keys <= in.bias_columns) continue;
    throw Error(code, "attention: bias must cover " + Shape{rows, keys}.text() + " of sequence " +
                          std::to_string(b) + ", got " + Shape{in.bias_rows, in.bias_columns}.text());
  }
}

}  // namespace athanor
