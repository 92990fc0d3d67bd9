// The vector type of the instruction set being compiled, as a GCC vector extension, with what the language
// lacks: unaligned and partial loads, select, sums over lanes. One source serves every set; only the few
// instructions that the extension cannot express are spelled out per set.
//
// These files are compiled with flags like -mavx512f. Whatever they emit with external linkage could be
// chosen by the linker for the whole program, so everything here has internal linkage, and they use no
// standard containers and no inline functions of shared headers.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef ATHANOR_ISA
#error "compile cpu/isa with -DATHANOR_ISA=generic, avx2, avx512 or neon"
#endif

#define ATHANOR_INLINE inline __attribute__((always_inline))

namespace athanor {
namespace ATHANOR_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef uint32_t vu __attribute__((vector_size(W * 4)));
typedef uint64_t vu64 __attribute__((vector_size(W * 4)));
typedef double vd __attribute__((vector_size(W * 4)));
typedef uint16_t vu16 __attribute__((vector_size(W * 2)));
typedef float vf_half __attribute__((vector_size(W * 2)));

// The same at any address.
typedef float vf_any __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef float vf_half_any __attribute__((vector_size(W * 2), aligned(4), may_alias));
typedef uint32_t vu_any __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef uint16_t vu16_any __attribute__((vector_size(W * 2), aligned(2), may_alias));

ATHANOR_INLINE vf load(const float* p) {
  return *reinterpret_cast<const vf_any*>(p);
}
ATHANOR_INLINE void store(float* p, vf v) {
  *reinterpret_cast<vf_any*>(p) = v;
}
ATHANOR_INLINE vf splat(float x) {
  return x - vf{};
}  // 0 + x would be an addition: -0 + 0 is 0
ATHANOR_INLINE vf as_float(vu v) {
  return reinterpret_cast<vf>(v);
}
ATHANOR_INLINE vu as_bits(vf v) {
  return reinterpret_cast<vu>(v);
}

// The first n < W lanes; the others are `rest`, which is what the caller's operation ignores.
ATHANOR_INLINE vf load_part(const float* p, size_t n, float rest = 0.0f) {
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(splat(rest), static_cast<__mmask16>((1u << n) - 1), p);
#else
  vf v = splat(rest);
  memcpy(&v, p, n * sizeof(float));
  return v;
#endif
}

ATHANOR_INLINE void store_part(float* p, vf v, size_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#else
  memcpy(p, &v, n * sizeof(float));
#endif
}

// m ? a : b per lane, where m is the result of a comparison.
ATHANOR_INLINE vf select(vi m, vf a, vf b) {
  return m ? a : b;
}
// Whether any lane of a comparison's result is true.
ATHANOR_INLINE bool any_lane(vi m) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(m), reinterpret_cast<__m512i>(m)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(m)) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps(reinterpret_cast<__m128>(m)) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32(reinterpret_cast<uint32x4_t>(m)) != 0;
#else
  return (m[0] | m[1] | m[2] | m[3]) != 0;
#endif
}
// Zero where m is false.
ATHANOR_INLINE vf keep(vi m, vf a) {
  return m ? a : vf{};
}
// NaN in x stays NaN in all three.
ATHANOR_INLINE vf at_least(vf x, float low) {
  return select(x < low, splat(low), x);
}
ATHANOR_INLINE vf at_most(vf x, float high) {
  return select(x > high, splat(high), x);
}
// a > b ? a : b, which is b where one of them is NaN: an instruction of x86 that g++ does not find for
// constants.
ATHANOR_INLINE vf larger(vf a, vf b) {
#if defined(__AVX512F__)
  return _mm512_maskz_max_ps(0xffff, a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#elif defined(__x86_64__)
  return _mm_max_ps(a, b);
#else
  return select(a > b, a, b);
#endif
}
ATHANOR_INLINE vf absolute(vf x) {
  return as_float(as_bits(x) & 0x7fffffffu);
}

ATHANOR_INLINE vf square_root(vf x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);  // the plain one makes g++ 12 warn
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__x86_64__)
  return _mm_sqrt_ps(x);
#elif defined(__aarch64__)
  return vsqrtq_f32(x);
#else
  for (int i = 0; i < W; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// The 64-bit products of the low halves of 64-bit lanes.
ATHANOR_INLINE vu64 multiply_low_halves(vu64 a, vu64 b) {
#if defined(__AVX512F__)
  __m512i x = reinterpret_cast<__m512i>(a), y = reinterpret_cast<__m512i>(b);
  return reinterpret_cast<vu64>(_mm512_maskz_mul_epu32(0xff, x, y));
#elif defined(__AVX2__)
  return reinterpret_cast<vu64>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<vu64>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#elif defined(__aarch64__)
  uint64x2_t x = reinterpret_cast<uint64x2_t>(a), y = reinterpret_cast<uint64x2_t>(b);
  return reinterpret_cast<vu64>(vmull_u32(vmovn_u64(x), vmovn_u64(y)));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// The lanes of both halves, in order.
#if defined(__AVX512F__)
#define ATHANOR_LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define ATHANOR_HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif defined(__AVX2__)
#define ATHANOR_LOW_LANES 0, 1, 2, 3
#define ATHANOR_HIGH_LANES 4, 5, 6, 7
#else
#define ATHANOR_LOW_LANES 0, 1
#define ATHANOR_HIGH_LANES 2, 3
#endif

// f of a vector of doubles, for both halves of x.
template <class F>
ATHANOR_INLINE vf in_double(vf x, const F& f) {
  vf_half low = __builtin_shufflevector(x, x, ATHANOR_LOW_LANES);
  vf_half high = __builtin_shufflevector(x, x, ATHANOR_HIGH_LANES);
  low = __builtin_convertvector(f(__builtin_convertvector(low, vd)), vf_half);
  high = __builtin_convertvector(f(__builtin_convertvector(high, vd)), vf_half);
  return __builtin_shufflevector(low, high, ATHANOR_LOW_LANES, ATHANOR_HIGH_LANES);
}

typedef float vf4 __attribute__((vector_size(16)));

// op over halves, then quarters, and so on, in registers; op also takes two floats.
template <class Op>
ATHANOR_INLINE float fold_lanes(vf v, const Op& op) {
#if defined(__AVX512F__)
  vf_half h = op(vf_half(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)),
                 vf_half(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
#elif defined(__AVX2__)
  vf h = v;
#endif
#if defined(__AVX2__)
  vf4 q = op(vf4(__builtin_shufflevector(h, h, 0, 1, 2, 3)), vf4(__builtin_shufflevector(h, h, 4, 5, 6, 7)));
#else
  vf4 q = v;
#endif
  return op(op(q[0], q[2]), op(q[1], q[3]));
}

ATHANOR_INLINE float sum_lanes(vf v) {
  return fold_lanes(v, [](auto a, auto b) { return a + b; });
}

typedef double vd2 __attribute__((vector_size(16)));

ATHANOR_INLINE double sum_lanes(vd v) {
#if defined(__AVX512F__)
  typedef double vd4 __attribute__((vector_size(32)));
  vd4 h = vd4(__builtin_shufflevector(v, v, 0, 1, 2, 3)) + vd4(__builtin_shufflevector(v, v, 4, 5, 6, 7));
#elif defined(__AVX2__)
  vd h = v;
#endif
#if defined(__AVX2__)
  vd2 q = vd2(__builtin_shufflevector(h, h, 0, 1)) + vd2(__builtin_shufflevector(h, h, 2, 3));
#else
  vd2 q = v;
#endif
  return q[0] + q[1];
}

// Asks for up to three cache lines at p, into L2.
ATHANOR_INLINE void fetch_ahead(const char* p, size_t bytes) {
  __builtin_prefetch(p, 0, 2);
  if (bytes > 64) __builtin_prefetch(p + 64, 0, 2);
  if (bytes > 128) __builtin_prefetch(p + 128, 0, 2);
}

// Calls body(i) for whole vectors and part(i, lanes) for what remains.
template <class Body, class Part>
ATHANOR_INLINE void for_vectors(size_t n, const Body& body, const Part& part) {
  size_t i = 0;
  for (; i + W <= n; i += W) body(i);
  if (i < n) part(i, n - i);
}

// y[i] = f(x[i]).
template <class F>
ATHANOR_INLINE void map(float* y, const float* x, size_t n, const F& f) {
  for_vectors(
      n, [&](size_t i) { store(y + i, f(load(x + i))); },
      [&](size_t i, size_t lanes) { store_part(y + i, f(load_part(x + i, lanes)), lanes); });
}

// y[i] = f(a[i], b[i]).
template <class F>
ATHANOR_INLINE void map(float* y, const float* a, const float* b, size_t n, const F& f) {
  for_vectors(
      n, [&](size_t i) { store(y + i, f(load(a + i), load(b + i))); },
      [&](size_t i, size_t lanes) {
        store_part(y + i, f(load_part(a + i, lanes), load_part(b + i, lanes)), lanes);
      });
}

}  // namespace
}  // namespace ATHANOR_ISA
}  // namespace athanor
