// Bytes moved in units of the largest size, 16 bytes down to 1, that all addresses and distances are
// multiples of.
#pragma once

#include <cstdint>
#include <type_traits>

namespace athanor {

template <int bytes>
struct alignas(bytes) Unit {
  unsigned char value[bytes];
};

// Calls f with the unit as an integral constant. `positions`: addresses and distances, or-ed together.
template <class F>
void with_unit(uint64_t positions, const F& f) {
  if (positions % 16 == 0) return f(std::integral_constant<int, 16>{});
  if (positions % 8 == 0) return f(std::integral_constant<int, 8>{});
  if (positions % 4 == 0) return f(std::integral_constant<int, 4>{});
  if (positions % 2 == 0) return f(std::integral_constant<int, 2>{});
  f(std::integral_constant<int, 1>{});
}

inline uint64_t position_of(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace athanor
