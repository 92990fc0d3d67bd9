// Tensor-core products of one warp and the loads that feed them (PTX ISA, "Warp-level matrix instructions").
// With group = lane / 4 and pair = lane % 4, a lane holds of
//
//   d (16 x 8, float):     d[0..1] row group, columns 2 pair + 0..1;  d[2..3] the same of row group + 8
//   a (16 x 16, bf16):     a[0] row group, columns 2 pair + 0..1;  a[1] row group + 8;  a[2], a[3] the same
//   rows,
//                          columns 2 pair + 8..9
//   b (16 x 8, bf16):      b[0] rows 2 pair + 0..1 of column group;  b[1] rows 2 pair + 8..9
//   tf32 a (16 x 8):       a[0] (group, pair), a[1] (group + 8, pair), a[2] (group, pair + 4), a[3] (group +
//   8, pair + 4) tf32 b (8 x 8):        b[0] (pair, group), b[1] (pair + 4, group)
//
// Two bf16 in a word: the lower index in the lower half. ldmatrix_x4 reads four 8 x 8 matrices of bf16: lane
// i gives the 16-byte aligned address of row i % 8 of matrix i / 8, and gets in r[m] the elements (group, 2
// pair + 0..1) of matrix m; _trans gives (2 pair + 0..1, group). All 32 lanes call these together.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/copy_async.h"

namespace athanor {

#if defined(CUDA_EMULATED)

// d += a b
inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                         const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::mma_bf16(d, a, b, {file, line});
}

inline void mma_m16n8k8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                             const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::mma_tf32(d, a, b, {file, line});
}

// The word that mma_m16n8k8_tf32 takes: rounded to 10 bits of mantissa, ties away from zero.
inline uint32_t to_tf32(float value) {
  return emulated::to_tf32(value);
}

inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  emulated::ldmatrix(r, 4, false, row, {file, line});
}

inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  emulated::ldmatrix(r, 4, true, row, {file, line});
}

// Two matrices: the addresses of lanes 0 to 15 count.
inline void ldmatrix_x2(uint32_t (&r)[2], const void* row, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  emulated::ldmatrix(r, 2, false, row, {file, line});
}

inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  emulated::ldmatrix(r, 2, true, row, {file, line});
}

#elif defined(__CUDACC__)

__device__ inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline void mma_m16n8k8_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline uint32_t to_tf32(float value) {
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(rounded) : "f"(value));
  return rounded;
}

__device__ inline void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

__device__ inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

__device__ inline void ldmatrix_x2(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

__device__ inline void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

#endif

}  // namespace athanor
