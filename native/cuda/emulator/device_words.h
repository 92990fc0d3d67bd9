// Qualifiers, vector types and the indices of the running thread.
#pragma once

#include <math.h>  // puts the overloads of C++ into the global namespace, as nvcc does
#include <stdlib.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __host__
#define __device__
#define __global__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
#define __forceinline__ inline __attribute__((always_inline))

#define ATHANOR_VECTORS(name, type, align2, align4)               \
  struct name##1 {                                                \
    type x;                                                       \
  };                                                              \
  struct alignas(align2) name##2 {                                \
    type x, y;                                                    \
  };                                                              \
  struct name##3 {                                                \
    type x, y, z;                                                 \
  };                                                              \
  struct alignas(align4) name##4 {                                \
    type x, y, z, w;                                              \
  };                                                              \
  inline name##2 make_##name##2(type x, type y) {                 \
    return {x, y};                                                \
  }                                                               \
  inline name##3 make_##name##3(type x, type y, type z) {         \
    return {x, y, z};                                             \
  }                                                               \
  inline name##4 make_##name##4(type x, type y, type z, type w) { \
    return {x, y, z, w};                                          \
  }

ATHANOR_VECTORS(char, signed char, 2, 4)
ATHANOR_VECTORS(uchar, unsigned char, 2, 4)
ATHANOR_VECTORS(short, short, 4, 8)
ATHANOR_VECTORS(ushort, unsigned short, 4, 8)
ATHANOR_VECTORS(int, int, 8, 16)
ATHANOR_VECTORS(uint, unsigned, 8, 16)
ATHANOR_VECTORS(longlong, long long, 16, 16)
ATHANOR_VECTORS(ulonglong, unsigned long long, 16, 16)
ATHANOR_VECTORS(float, float, 8, 16)
ATHANOR_VECTORS(double, double, 16, 16)
#undef ATHANOR_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;
