// What the checks of element-wise kernels share: lengths around the packs and tiles, and the tolerance of a
// type.
#pragma once

#include "cuda/check/kernel_check.h"

namespace athanor {

// 0, 1, around a pack of 4, 8 and 16, around a block's tile of 256 packs, and more than the grid of the
// emulated device (32 blocks) covers at once.
inline const std::vector<size_t> lengths{0,  1,    3,    4,    5,    7,    8,    9,     15,   16,
                                         17, 1023, 1024, 1025, 2047, 2048, 2049, 40000, 70001};

// What rounding the result to T may add to a tolerance of fp32: half a unit in the last of its 8 bits.
template <class T>
Tolerance tolerance_of(double absolute, double relative) {
  return {absolute, relative + (sizeof(T) == 2 ? 1.001 / 256 : 0.0)};
}

// Calls body with a zero of each element type of a float kernel.
template <class Body>
void for_float_types(const Body& body) {
  body(float{});
  body(bf16{});
}

}  // namespace athanor
