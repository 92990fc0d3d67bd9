// Rows as 8-bit integers, for the weights of linear: q = round(x / scale) in -127..127 with scale = the row's
// largest magnitude / 127, rounding to nearest even. A row of zeros has scale 0.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

struct QuantizeRows {
  const float* x;  // (rows, width)
  int8_t* q;       // (rows, width)
  float* scale;    // (rows)
  int64_t rows, width;
};

// Throws ERR_DATA naming the first row with a NaN or an infinity.
void quantize_rows_forward(Cpu, const QuantizeRows& a);
void quantize_rows_forward(Cuda, const QuantizeRows& a);

}  // namespace athanor
