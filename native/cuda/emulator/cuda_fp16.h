// The part of CUDA's header of this name that our kernels use.
#pragma once

#include "device_math.h"

struct __half {
  unsigned short bits;
};

inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}
inline unsigned short __half_as_ushort(__half value) {
  return value.bits;
}

inline float __half2float(__half value) {
  const unsigned sign = (value.bits & 0x8000u) << 16, exponent = value.bits >> 10 & 31u,
                 mantissa = value.bits & 1023u;
  if (exponent == 31) return __uint_as_float(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

// To nearest, ties to even; beyond 65,519 infinity.
inline __half __float2half_rn(float value) {
  const unsigned bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return {0x7FFF};
  if (magnitude >= 0x477FF000u) return {static_cast<unsigned short>(sign | 0x7C00u)};
  if (magnitude < 0x38800000u) {  // below the smallest normal: steps of 2^-24
    const float steps = std::nearbyint(__uint_as_float(magnitude) * 0x1p24f);
    return {static_cast<unsigned short>(sign | static_cast<unsigned>(steps))};
  }
  const unsigned rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u) - (112u << 23);
  return {static_cast<unsigned short>(sign | rounded >> 13)};
}
inline __half __float2half(float value) {
  return __float2half_rn(value);
}
