// The mask of core/random.h for several neighbouring elements at once: one Philox call gives four words.
#pragma once

#include "core/random.h"
#include "cuda/launch.h"

namespace athanor {

// Bit i is set if element first + i of the call is kept. `threshold` is dropout_threshold(p).
template <int n>
__device__ uint32_t kept_bits(uint64_t seed, uint64_t call, uint64_t first, uint32_t threshold) {
  const int before = static_cast<int>(first & 3);  // elements of the first four that lie before `first`
  uint32_t bits = 0;
#pragma unroll
  for (int four = 0; four <= n / 4; four++) {
    if (four * 4 >= n + before) break;
    const PhiloxWords words = philox(seed, call, (first >> 2) + static_cast<uint64_t>(four));
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (words.word[i] >= threshold) bits |= 1u << (four * 4 + i);
    }
  }
  return bits >> before;
}

}  // namespace athanor
