// Labels on CUDA, before a kernel uses them as positions.
#pragma once

#include <string>

#include "core/tensor.h"
#include "ops/dispatch.h"

namespace athanor {

struct LabelCheck {
  const char* op;
  int64_t rows, classes, ignore_index;
};

// How many labels count (differ from ignore_index); throws ERR_DATA for the first of them outside
// 0..classes-1. Reads the host's copy; where there is none, the labels are gone through on the GPU and the
// stream waited for.
int64_t counted_labels(Cuda cuda, const LabelCheck& check, Indices labels);

// positions (counted) = the rows that count, in order.
void find_counted(Cuda cuda, const LabelCheck& check, const int32_t* labels, int32_t* positions);

}  // namespace athanor
