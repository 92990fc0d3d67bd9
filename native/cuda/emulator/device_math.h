// Functions of device code that need no other thread. The approximate ones (__expf, rsqrtf ...) are computed
// exactly here: a kernel's test must leave room for the GPU's rounding.
#pragma once

#include "device_words.h"

namespace emulated {
template <class To, class From>
inline To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "sizes differ");
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}
}  // namespace emulated

inline float __uint_as_float(unsigned bits) {
  return emulated::same_bits<float>(bits);
}
inline unsigned __float_as_uint(float value) {
  return emulated::same_bits<unsigned>(value);
}
inline float __int_as_float(int bits) {
  return emulated::same_bits<float>(bits);
}
inline int __float_as_int(float value) {
  return emulated::same_bits<int>(value);
}
inline double __longlong_as_double(long long bits) {
  return emulated::same_bits<double>(bits);
}
inline long long __double_as_longlong(double value) {
  return emulated::same_bits<long long>(value);
}

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
inline int __popcll(unsigned long long bits) {
  return __builtin_popcountll(bits);
}
inline int __clz(int bits) {
  return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits));
}
inline int __clzll(long long bits) {
  return bits == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(bits));
}
inline int __ffs(int bits) {
  return __builtin_ffs(bits);
}
inline int __ffsll(long long bits) {
  return __builtin_ffsll(bits);
}
inline unsigned __brev(unsigned bits) {
  unsigned reversed = 0;
  for (int i = 0; i < 32; i++) reversed |= (bits >> i & 1u) << (31 - i);
  return reversed;
}
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
  const unsigned long long bytes = static_cast<unsigned long long>(high) << 32 | low;
  unsigned picked = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned choice = selector >> (4 * i) & 0xF;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (choice & 7)) & 0xFF);
    if (choice & 8) byte = byte & 0x80 ? 0xFF : 0;
    picked |= byte << (8 * i);
  }
  return picked;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>(both << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>(both >> (shift & 31));
}
// a . b + c over four signed bytes
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) {
    c += static_cast<int>(static_cast<signed char>(a >> (8 * i))) * static_cast<signed char>(b >> (8 * i));
  }
  return c;
}

inline float __fadd_rn(float a, float b) {
  volatile float sum = a + b;  // never contracted with a product
  return sum;
}
inline float __fsub_rn(float a, float b) {
  return __fadd_rn(a, -b);
}
inline float __fmul_rn(float a, float b) {
  volatile float product = a * b;
  return product;
}
inline float __fmaf_rn(float a, float b, float c) {
  return std::fma(a, b, c);
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __frcp_rn(float a) {
  return 1.0f / a;
}
inline float __fsqrt_rn(float a) {
  return std::sqrt(a);
}
inline float __frsqrt_rn(float a) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a)));
}
inline float rsqrtf(float a) {
  return __frsqrt_rn(a);
}
inline float rsqrt(float a) {
  return __frsqrt_rn(a);
}
inline double rsqrt(double a) {
  return 1.0 / std::sqrt(a);
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline float __expf(float a) {
  return std::exp(a);
}
inline float __exp10f(float a) {
  return std::pow(10.0f, a);
}
inline float __logf(float a) {
  return std::log(a);
}
inline float __log2f(float a) {
  return std::log2(a);
}
inline float __log10f(float a) {
  return std::log10(a);
}
inline float __powf(float a, float b) {
  return std::pow(a, b);
}
inline float __sinf(float a) {
  return std::sin(a);
}
inline float __cosf(float a) {
  return std::cos(a);
}
inline float __tanf(float a) {
  return std::tan(a);
}
inline float __saturatef(float a) {
  return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f;
}
inline double __dadd_rn(double a, double b) {
  volatile double sum = a + b;
  return sum;
}
inline double __dmul_rn(double a, double b) {
  volatile double product = a * b;
  return product;
}
inline double __fma_rn(double a, double b, double c) {
  return std::fma(a, b, c);
}

namespace emulated {
// CUDA's conversions saturate and turn NaN into 0, where C++ leaves them undefined.
template <class To, class From>
inline To saturated(From value) {
  constexpr To least = static_cast<To>(static_cast<To>(-1) < 0 ? To(1) << (8 * sizeof(To) - 1) : To(0));
  constexpr To most = static_cast<To>(~least);
  if (std::isnan(value)) return 0;
  if (value <= static_cast<From>(least)) return least;
  if (value >= static_cast<From>(most)) return most;
  return static_cast<To>(value);
}
}  // namespace emulated

inline int __float2int_rn(float a) {
  return emulated::saturated<int>(std::nearbyint(a));
}
inline int __float2int_rz(float a) {
  return emulated::saturated<int>(std::trunc(a));
}
inline int __float2int_rd(float a) {
  return emulated::saturated<int>(std::floor(a));
}
inline int __float2int_ru(float a) {
  return emulated::saturated<int>(std::ceil(a));
}
inline unsigned __float2uint_rn(float a) {
  return emulated::saturated<unsigned>(std::nearbyint(a));
}
inline unsigned __float2uint_rz(float a) {
  return emulated::saturated<unsigned>(std::trunc(a));
}
inline float __int2float_rn(int a) {
  return static_cast<float>(a);
}
inline float __uint2float_rn(unsigned a) {
  return static_cast<float>(a);
}
inline float __double2float_rn(double a) {
  return static_cast<float>(a);
}

#define ATHANOR_MIN_MAX(type)       \
  inline type min(type a, type b) { \
    return b < a ? b : a;           \
  }                                 \
  inline type max(type a, type b) { \
    return a < b ? b : a;           \
  }
ATHANOR_MIN_MAX(int)
ATHANOR_MIN_MAX(unsigned)
ATHANOR_MIN_MAX(long)
ATHANOR_MIN_MAX(unsigned long)
ATHANOR_MIN_MAX(long long)
ATHANOR_MIN_MAX(unsigned long long)
#undef ATHANOR_MIN_MAX
inline float min(float a, float b) {
  return std::fmin(a, b);
}
inline float max(float a, float b) {
  return std::fmax(a, b);
}
inline double min(double a, double b) {
  return std::fmin(a, b);
}
inline double max(double a, double b) {
  return std::fmax(a, b);
}

// Loads and stores with a cache hint are plain ones.
template <class T>
inline T __ldg(const T* from) {
  return *from;
}
template <class T>
inline T __ldcs(const T* from) {
  return *from;
}
template <class T>
inline T __ldcg(const T* from) {
  return *from;
}
template <class T>
inline T __ldca(const T* from) {
  return *from;
}
template <class T>
inline void __stcs(T* to, T value) {
  *to = value;
}
template <class T>
inline void __stcg(T* to, T value) {
  *to = value;
}

// Through the compiler's atomics, so that the race detector accepts them.
template <class T>
inline T atomicAdd(T* to, T value) {
  return __atomic_fetch_add(to, value, __ATOMIC_ACQ_REL);
}
template <class T>
inline T atomicSub(T* to, T value) {
  return __atomic_fetch_sub(to, value, __ATOMIC_ACQ_REL);
}
template <class T>
inline T atomicAnd(T* to, T value) {
  return __atomic_fetch_and(to, value, __ATOMIC_ACQ_REL);
}
template <class T>
inline T atomicOr(T* to, T value) {
  return __atomic_fetch_or(to, value, __ATOMIC_ACQ_REL);
}
template <class T>
inline T atomicXor(T* to, T value) {
  return __atomic_fetch_xor(to, value, __ATOMIC_ACQ_REL);
}
template <class T>
inline T atomicExch(T* to, T value) {
  T before;
  __atomic_exchange(to, &value, &before, __ATOMIC_ACQ_REL);
  return before;
}
template <class T>
inline T atomicCAS(T* to, T expected, T value) {
  __atomic_compare_exchange(to, &expected, &value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return expected;
}
template <class T>
inline T atomicMax(T* to, T value) {
  T before = __atomic_load_n(to, __ATOMIC_ACQUIRE);
  while (before < value &&
         !__atomic_compare_exchange(to, &before, &value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
  }
  return before;
}
template <class T>
inline T atomicMin(T* to, T value) {
  T before = __atomic_load_n(to, __ATOMIC_ACQUIRE);
  while (value < before &&
         !__atomic_compare_exchange(to, &before, &value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
  }
  return before;
}
// As in CUDA 0 after `limit`: the last-block counter that resets itself.
inline unsigned atomicInc(unsigned* to, unsigned limit) {
  unsigned before = __atomic_load_n(to, __ATOMIC_ACQUIRE), after;
  do {
    after = before >= limit ? 0 : before + 1;
  } while (!__atomic_compare_exchange(to, &before, &after, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  return before;
}

// Blocks run one after the other and threads one at a time, so a missing fence cannot show here.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
inline long long clock64() {
  return 0;
}
