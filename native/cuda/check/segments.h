// Sequences for the checks of the segment ops.
#pragma once

#include <cstdint>
#include <vector>

namespace athanor {

inline std::vector<int32_t> offsets_of(const std::vector<int32_t>& lengths) {
  std::vector<int32_t> offsets{0};
  for (int32_t length : lengths) offsets.push_back(offsets.back() + length);
  return offsets;
}

// bf16 rounds once, at the end: half a unit in its last place.
template <class T>
constexpr double rounding = sizeof(T) == 2 ? 1.0 / 256 : 0.0;

}  // namespace athanor
