// The positions 0..count-1 in the order of their keys, equal keys in ascending order: what a scatter needs to
// add in a fixed order. Keys lie in 0..bound-1.
#pragma once

#include <cstdint>

#include "ops/dispatch.h"

namespace athanor {

// order (count). `starts` (bound + 1), or null: where each key begins in order.
void sort_positions(const Cuda& cuda, const int32_t* keys, int64_t count, int64_t bound, int32_t* order,
                    int32_t* starts);

}  // namespace athanor
