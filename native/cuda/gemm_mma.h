// The products of 32 bytes of k by one warp, per family: mma.h has those of bf16 and TF32, here is that of
// 8-bit integers (PTX ISA, "mma.m16n8k32"): d += a b with a unsigned and b signed. Four k to a word; with
// group = lane / 4 and quarter = lane % 4 a lane holds a[0] row group, k 4 quarter...; a[1] row group + 8;
// a[2], a[3] the same rows, k + 16; b[0] column group, k 4 quarter...; b[1] k + 16; d as in mma.h.
#pragma once

#include "cuda/launch.h"
#include "cuda/mma.h"

namespace athanor {

#if defined(CUDA_EMULATED)

inline int32_t byte_products(uint32_t a, uint32_t b) {
  int32_t sum = 0;
  for (int i = 0; i < 32; i += 8) sum += static_cast<uint8_t>(a >> i) * static_cast<int8_t>(b >> i);
  return sum;
}

inline void mma_m16n8k32(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                         const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  const emulated::Deposit* lanes =
      emulated::meet(full_mask, emulated::Operation::mma, {file, line}, words, 6);
  const int group = emulated::lane_index() / 4, pair = emulated::lane_index() % 4;
  for (int i = 0; i < 4; i++) {
    const int lower = i / 2, column = 2 * pair + i % 2;
    for (int quarter = 0; quarter < 4; quarter++) {
      const uint32_t* of_a = lanes[4 * group + quarter].word;
      const uint32_t* of_b = lanes[4 * column + quarter].word + 4;
      d[i] += byte_products(of_a[lower], of_b[0]) + byte_products(of_a[lower + 2], of_b[1]);
    }
  }
}

// The sum of four signed bytes, added to `sum`.
inline int32_t add_bytes(int32_t sum, uint32_t bytes) {
  return sum + byte_products(0x01010101u, bytes);
}

#elif defined(__CUDACC__)

__device__ inline void mma_m16n8k32(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline int32_t add_bytes(int32_t sum, uint32_t bytes) {
  return __dp4a(static_cast<int32_t>(bytes), 0x01010101, sum);
}

#endif

}  // namespace athanor
