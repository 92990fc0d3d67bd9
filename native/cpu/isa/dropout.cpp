// Dropout with Philox4x32-10, bit for bit the numbers of core/random.h (compared in cpu/check.cpp). One
// 64-bit lane holds one block; only the low halves of the words are meaningful, which is what the
// multiplication reads.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

constexpr int blocks_per_call = W / 2;  // each gives 4 words
constexpr int chains = 2;

struct Words {
  vu low, high;  // 2 W words in the order of the elements
};

// Pairs of 64-bit lanes of a and b in turn: the first and the second half of the result.
ATHANOR_INLINE void interleave(vu64 a, vu64 b, vu64* low, vu64* high) {
#if defined(__AVX512F__)
  *low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  *high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif defined(__AVX2__)
  *low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  *high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
  *low = __builtin_shufflevector(a, b, 0, 2);
  *high = __builtin_shufflevector(a, b, 1, 3);
#endif
}

// The words of `chains` times blocks_per_call blocks from `block` on. A round depends on the one before and
// takes about six cycles: two chains side by side fill them.
ATHANOR_INLINE void philox_blocks(Words (&words)[chains], uint64_t seed, uint64_t call, uint64_t block) {
  vu64 c0[chains], c1[chains], c2[chains], c3[chains];
  vu64 count;
  for (int i = 0; i < blocks_per_call; i++) count[i] = static_cast<uint64_t>(i);
#pragma GCC unroll 2
  for (int chain = 0; chain < chains; chain++) {
    c0[chain] = count + (block + static_cast<uint64_t>(chain * blocks_per_call));
    c1[chain] = c0[chain] >> 32;
    c2[chain] = vu64{} + call;
    c3[chain] = vu64{} + (call >> 32);
  }
  vu64 m0 = vu64{} + 0xD2511F53u, m1 = vu64{} + 0xCD9E8D57u;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
#pragma GCC unroll 2
    for (int chain = 0; chain < chains; chain++) {
      vu64 p0 = multiply_low_halves(m0, c0[chain]), p1 = multiply_low_halves(m1, c2[chain]);
      c0[chain] = (p1 >> 32) ^ c1[chain] ^ static_cast<uint64_t>(k0);
      c2[chain] = (p0 >> 32) ^ c3[chain] ^ static_cast<uint64_t>(k1);
      c1[chain] = p1;
      c3[chain] = p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
#pragma GCC unroll 2
  for (int chain = 0; chain < chains; chain++) {
    vu64 first = (c0[chain] & 0xffffffffu) | (c1[chain] << 32);
    vu64 second = (c2[chain] & 0xffffffffu) | (c3[chain] << 32);
    vu64 low, high;
    interleave(first, second, &low, &high);
    words[chain] = {reinterpret_cast<vu>(low), reinterpret_cast<vu>(high)};
  }
}

// As in core/random.h, whose inline functions must not be emitted here.
uint32_t threshold_of(float p) {
  double scaled = static_cast<double>(p) * 4294967296.0;
  return scaled >= 4294967295.0 ? 4294967295u : static_cast<uint32_t>(scaled);
}

}  // namespace

void dropout(float* y, const float* x, size_t n, float p, uint64_t seed, uint64_t call, uint64_t first) {
  if (p >= 1.0f) return fill(y, 0.0f, n);
  uint32_t threshold = threshold_of(p);
  float scale = 1.0f / (1.0f - p);
  constexpr size_t step = 2 * W * chains;
  size_t i = 0;
  // The words of the block that the first element lies in may start before it.
  size_t skip = first & 3;
  uint64_t block = first >> 2;
  while (i < n) {
    Words words[chains];
    philox_blocks(words, seed, call, block);
    block += blocks_per_call * chains;
    if (skip == 0 && n - i >= step) {
#pragma GCC unroll 2
      for (int chain = 0; chain < chains; chain++) {
        vf a = load(x + i), b = load(x + i + W);
        store(y + i, keep(words[chain].low >= threshold, a * scale));
        store(y + i + W, keep(words[chain].high >= threshold, b * scale));
        i += 2 * W;
      }
      continue;
    }
    uint32_t word[step];
    memcpy(word, words, sizeof words);
    for (size_t j = skip; j < step && i < n; j++, i++) y[i] = word[j] >= threshold ? x[i] * scale : 0.0f;
    skip = 0;
  }
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
