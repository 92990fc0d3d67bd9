// The Philox words of core/random.h as an operand of map.h: word i for element i of one long row.
#pragma once

#include "core/random.h"
#include "cuda/map.h"

namespace athanor {

template <int count>
struct LoadedWords {
  uint32_t word[count];
  __device__ uint32_t operator[](int i) const { return word[i]; }
};

struct RandomWords {
  using Element = char;  // nothing comes from memory: the other operands say how long a pack is
  uint64_t seed, call;

  // A pack of map.h starts at a multiple of its size, so that whole blocks of four words serve it.
  template <int count>
  __device__ LoadedWords<count> load(int64_t, int64_t column) const {
    LoadedWords<count> words;
    const uint64_t first = static_cast<uint64_t>(column);
    if constexpr (count == 1) {
      words.word[0] = philox_word(seed, call, first);
    } else {
      static_assert(count == 4 || count == 8, "whole blocks of four words");
      for (int i = 0; i < count; i += 4) {
        const PhiloxWords block = philox(seed, call, (first + i) >> 2);
        for (int j = 0; j < 4; j++) words.word[i + j] = block.word[j];
      }
    }
    return words;
  }

  template <int count>
  bool aligned(int64_t) const {
    return true;
  }
  bool flat(int64_t) const { return true; }
};

}  // namespace athanor
