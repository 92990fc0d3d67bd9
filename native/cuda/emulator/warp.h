// Warp functions: each lane leaves its value, waits for the lanes of the mask and reads what it needs.
#pragma once

#include "run.h"

namespace emulated {

template <class T>
const Deposit* meet_with(unsigned mask, Operation operation, Place place, T value) {
  static_assert(sizeof(T) <= 8, "warp functions take 4 or 8 bytes");
  uint32_t words[2] = {0, 0};
  __builtin_memcpy(words, &value, sizeof(T));
  return meet(mask, operation, place, words, 2);
}

template <class T>
T deposited(const Deposit* deposits, int lane) {
  T value;
  __builtin_memcpy(&value, deposits[lane].word, sizeof(T));
  return value;
}

// The lane to read from, when `source` lies within the segment, else the lane itself.
template <class T>
T shuffled(unsigned mask, T value, int source, bool inside, Place place) {
  const Deposit* deposits = meet_with(mask, Operation::shuffle, place, value);
  if (!inside) return value;
  if (!(mask >> source & 1u))
    fail(place, "a shuffle reads lane %d, which is not in the mask %08x", source, mask);
  return deposited<T>(deposits, source);
}

inline unsigned ballot(unsigned mask, bool predicate, Place place) {
  const Deposit* deposits = meet_with(mask, Operation::vote, place, static_cast<uint32_t>(predicate));
  unsigned bits = 0;
  for (int lane = 0; lane < 32; lane++) {
    if (mask >> lane & 1u) bits |= deposits[lane].word[0] << lane;
  }
  return bits;
}

template <class T, class Combine>
T reduced(unsigned mask, T value, Place place, Combine combine) {
  const Deposit* deposits = meet_with(mask, Operation::reduce, place, value);
  bool first = true;
  T result = value;
  for (int lane = 0; lane < 32; lane++) {
    if (!(mask >> lane & 1u)) continue;
    T other = deposited<T>(deposits, lane);
    result = first ? other : combine(result, other);
    first = false;
  }
  return result;
}

}  // namespace emulated

#define EMULATED_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATED_PLACE) {
  const int lane = emulated::lane_index();
  const int from = (lane & ~(width - 1)) | (source & (width - 1));
  return emulated::shuffled(mask, value, from, true, {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_PLACE) {
  const int lane = emulated::lane_index(), from = lane - static_cast<int>(delta);
  return emulated::shuffled(mask, value, from, from >= (lane & ~(width - 1)), {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_PLACE) {
  const int lane = emulated::lane_index(), from = lane + static_cast<int>(delta);
  return emulated::shuffled(mask, value, from, from <= (lane | (width - 1)), {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, EMULATED_PLACE) {
  const int lane = emulated::lane_index(), from = lane ^ bits;
  return emulated::shuffled(mask, value, from, from >= 0 && from <= (lane | (width - 1)), {file, line});
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, EMULATED_PLACE) {
  emulated::meet(mask, emulated::Operation::sync, {file, line}, nullptr, 0);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATED_PLACE) {
  return emulated::ballot(mask, predicate != 0, {file, line});
}
inline int __any_sync(unsigned mask, int predicate, EMULATED_PLACE) {
  return emulated::ballot(mask, predicate != 0, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMULATED_PLACE) {
  return emulated::ballot(mask, predicate == 0, {file, line}) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, EMULATED_PLACE) {
  const emulated::Deposit* deposits =
      emulated::meet_with(mask, emulated::Operation::match, {file, line}, value);
  unsigned same = 0;
  for (int lane = 0; lane < 32; lane++) {
    if ((mask >> lane & 1u) && emulated::deposited<T>(deposits, lane) == value) same |= 1u << lane;
  }
  return same;
}

template <class T>
T __reduce_add_sync(unsigned mask, T value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](T a, T b) { return a + b; });
}
template <class T>
T __reduce_min_sync(unsigned mask, T value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](T a, T b) { return b < a ? b : a; });
}
template <class T>
T __reduce_max_sync(unsigned mask, T value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](T a, T b) { return a < b ? b : a; });
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](unsigned a, unsigned b) { return a & b; });
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](unsigned a, unsigned b) { return a | b; });
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value, EMULATED_PLACE) {
  return emulated::reduced(mask, value, {file, line}, [](unsigned a, unsigned b) { return a ^ b; });
}

#undef EMULATED_PLACE
