// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11): counter-based, so a
// mask is recomputed where it is needed and never stored, and CPU and CUDA give the same bits.
//
// Key: the seed. Counter: words 0 and 1 hold the element index / 4, words 2 and 3 the call number; element i
// takes word i % 4 of the result.
#pragma once

#include <cstdint>

#include "core/device_code.h"

namespace athanor {

struct PhiloxWords {
  uint32_t word[4];
};

ATHANOR_DEVICE inline PhiloxWords philox(uint64_t seed, uint64_t call, uint64_t block) {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = static_cast<uint32_t>(call), c3 = static_cast<uint32_t>(call >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

ATHANOR_DEVICE inline uint32_t philox_word(uint64_t seed, uint64_t call, uint64_t index) {
  return philox(seed, call, index >> 2).word[index & 3];
}

// An element is dropped when its word is below this: the probability p in units of 2^-32.
ATHANOR_DEVICE inline uint32_t dropout_threshold(float p) {
  double scaled = static_cast<double>(p) * 4294967296.0;
  return scaled >= 4294967295.0 ? 4294967295u : static_cast<uint32_t>(scaled);
}

}  // namespace athanor
