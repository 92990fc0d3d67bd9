// Random tensors from the Philox words of core/random.h. What a word means is fixed here, so that CUDA can
// equal it to the rounding of its log, sin and cos; everything is computed in double, the last step by a
// fused multiplication and addition, and rounded once to fp32.
//
// uniform: element i takes word i: u = (word >> 8) / 2^24, y = a + (b - a) u; where that rounds up to b, the
//   largest fp32 below b.
// normal (Box and Muller, 1958): words w0, w1 of an even element and the next one give them
//   r cos(t) and r sin(t), r = sqrt(-2 ln((w0 + 1) / 2^32)), t = 2 pi w1 / 2^32; y = a + b z.
// truncated normal: as normal, with |z| <= 2 by rejection. Element i looks at the four values that the block
//   numbered i makes in this way, then at those of block i + 2^48, i + 2 2^48, ..., and takes the first that
//   fits.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/random.h"
#include "ops/op.h"

namespace athanor {

enum class Distribution : int32_t { uniform = 0, normal = 1, truncated_normal = 2 };
constexpr int32_t distribution_count = 3;

struct Random {
  float* y;  // (n)
  int64_t n;
  Distribution distribution;
  double a, b;  // range, or mean and standard deviation
  uint64_t seed, call;
};

void random_forward(Cpu, const Random& r);
void random_forward(Cuda, const Random& r);

ATHANOR_DEVICE inline float uniform_value(uint32_t word, double a, double b) {
  float y = static_cast<float>(std::fma(b - a, (word >> 8) * 0x1p-24, a));
  float end = static_cast<float>(b);
  return y < end || !(a < b) ? y : nextafterf(end, static_cast<float>(a));
}

ATHANOR_DEVICE inline void normal_pair(uint32_t word0, uint32_t word1, double* z) {
  double radius = std::sqrt(-2.0 * std::log((word0 + 1.0) * 0x1p-32));
  double angle = 6.283185307179586 * (word1 * 0x1p-32);
  z[0] = radius * std::cos(angle);
  z[1] = radius * std::sin(angle);
}

ATHANOR_DEVICE inline double truncated_normal(uint64_t seed, uint64_t call, uint64_t element) {
  // Each block fails with a chance of 4e-6; sixteen in a row do not happen.
  for (uint64_t attempt = 0; attempt < 16; attempt++) {
    PhiloxWords w = philox(seed, call, element + (attempt << 48));
    for (int pair = 0; pair < 4; pair += 2) {
      double z[2];
      normal_pair(w.word[pair], w.word[pair + 1], z);
      if (std::fabs(z[0]) <= 2.0) return z[0];
      if (std::fabs(z[1]) <= 2.0) return z[1];
    }
  }
  return 0.0;
}

// Elements 4 block to 4 block + 3.
struct RandomBlock {
  float value[4];
};

ATHANOR_DEVICE inline RandomBlock random_block(const Random& r, uint64_t block) {
  RandomBlock y;
  if (r.distribution == Distribution::truncated_normal) {
    for (int i = 0; i < 4; i++) {
      const double z = truncated_normal(r.seed, r.call, 4 * block + static_cast<uint64_t>(i));
      y.value[i] = static_cast<float>(std::fma(r.b, z, r.a));
    }
    return y;
  }
  const PhiloxWords w = philox(r.seed, r.call, block);
  if (r.distribution == Distribution::uniform) {
    for (int i = 0; i < 4; i++) y.value[i] = uniform_value(w.word[i], r.a, r.b);
    return y;
  }
  for (int i = 0; i < 4; i += 2) {
    double z[2];
    normal_pair(w.word[i], w.word[i + 1], z);
    y.value[i] = static_cast<float>(std::fma(r.b, z[0], r.a));
    y.value[i + 1] = static_cast<float>(std::fma(r.b, z[1], r.a));
  }
  return y;
}

}  // namespace athanor
