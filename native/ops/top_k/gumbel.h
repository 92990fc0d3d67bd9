// The noise of top_k, the same on both devices up to rounding of the logarithm.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/random.h"

namespace athanor {

constexpr float most_gumbel = 16.7f;  // -log(-log(1 - 2^-24)) = 16.64

ATHANOR_DEVICE inline float gumbel(uint64_t seed, uint64_t call, uint64_t element) {
  const uint32_t bits = philox_word(seed, call, element) >> 9;
  const float u = (static_cast<float>(bits) + 0.5f) * 1.1920928955078125e-7f;  // exact
  return -logf(-logf(u));
}

}  // namespace athanor
