// The words of sm_90a: mbarrier, TMA and wgmma (PTX ISA), each with its emulated twin. A kernel that uses
// them has its body between #if HOPPER_WORDS and #endif, so that one file compiles for all targets.
#pragma once

#include <cuda_runtime.h>

#if defined(CUDA_EMULATED) || (defined(__CUDACC__) && defined(__CUDA_ARCH_FEAT_SM90_ALL))
#define HOPPER_WORDS 1
#else
#define HOPPER_WORDS 0
#endif

#if HOPPER_WORDS

#include <cuda.h>

#include "cuda/copy_async.h"

namespace athanor {

#if defined(CUDA_EMULATED)

#define EMULATED_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

using emulated::shared_address;

inline void barrier_init(uint64_t* barrier, int count, EMULATED_PLACE) {
  emulated::mbarrier_init(barrier, count, {file, line});
}
inline void barrier_init_fence() {}
inline void barrier_arrive(uint64_t* barrier, EMULATED_PLACE) {
  emulated::mbarrier_arrive(barrier, 0, {file, line});
}
inline void barrier_arrive_expect(uint64_t* barrier, int bytes, EMULATED_PLACE) {
  emulated::mbarrier_arrive(barrier, bytes, {file, line});
}
inline void barrier_wait(uint64_t* barrier, int parity, EMULATED_PLACE) {
  emulated::mbarrier_wait(barrier, parity, {file, line});
}
inline void tma_load(void* tile, const CUtensorMap* map, uint64_t* barrier, int x, int y, int z,
                     EMULATED_PLACE) {
  emulated::tma_load(tile, map, barrier, x, y, z, {file, line});
}
inline void shared_writes_fence() {}
inline void wgmma_fence() {}
template <int tiles>
inline void keep_before_wgmma(float (&)[tiles][4]) {}
inline void wgmma_commit() {
  emulated::wgmma_commit();
}
template <int pending>
inline void wgmma_wait(EMULATED_PLACE) {
  emulated::wgmma_wait(pending, {file, line});
}
template <bool a_transposed, bool b_transposed>
inline void wgmma_m64n128k16(float (&d)[1][16][4], uint64_t a, uint64_t b, EMULATED_PLACE) {
  emulated::wgmma(d[0][0], 128, a, a_transposed, b, b_transposed, {file, line});
}
inline void wgmma_m64n64k16(float (&d)[8][4], uint64_t a, uint64_t b, EMULATED_PLACE) {
  emulated::wgmma(d[0], 64, a, false, b, false, {file, line});
}
template <bool b_transposed, int tiles>
inline void wgmma_rows(float (&d)[tiles][4], const uint32_t (&a)[4], uint64_t b, EMULATED_PLACE) {
  emulated::wgmma(d[0], 8 * tiles, a, b, b_transposed, {file, line});
}

#undef EMULATED_PLACE

#else

__device__ inline void barrier_init(uint64_t* barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(count)
               : "memory");
}
// Makes initialised barriers known to TMA.
__device__ inline void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");
}
__device__ inline void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(barrier)) : "memory");
}
// Arrives, and lets the phase end only when TMA has written this many bytes.
__device__ inline void barrier_arrive_expect(uint64_t* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(barrier)),
               "r"(bytes)
               : "memory");
}
// Until the phase with this parity has ended.
__device__ inline void barrier_wait(uint64_t* barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// A box of a tensor of three dimensions, to a tile in shared memory; its bytes count for the barrier.
__device__ inline void tma_load(void* tile, const CUtensorMap* map, uint64_t* barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];\n" ::"r"(shared_address(tile)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// Makes this thread's own writes to shared memory known to wgmma; a barrier of the block follows.
__device__ inline void shared_writes_fence() {
  asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
}

__device__ inline void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}
// What was written to these registers is not moved behind the fence that follows.
template <int tiles>
__device__ inline void keep_before_wgmma(float (&d)[tiles][4]) {
#pragma unroll
  for (int n = 0; n < tiles; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) asm volatile("" : "+f"(d[n][e])::"memory");
  }
}
__device__ inline void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}
template <int pending>
__device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(pending) : "memory");
}

#define ATHANOR_FOUR(d, j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define ATHANOR_EIGHT_TILES(d, j)                                                             \
  ATHANOR_FOUR(d, j), ATHANOR_FOUR(d, j + 1), ATHANOR_FOUR(d, j + 2), ATHANOR_FOUR(d, j + 3), \
      ATHANOR_FOUR(d, j + 4), ATHANOR_FOUR(d, j + 5), ATHANOR_FOUR(d, j + 6), ATHANOR_FOUR(d, j + 7)
#define ATHANOR_32_REGISTERS                                                \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define ATHANOR_64_REGISTERS                                                           \
  ATHANOR_32_REGISTERS                                                                 \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// d += a b by four warps: a (64, 16), b (16, 128), d (64, 128), of which each warp has 16 rows as 16 tiles of
// mma.h. Transposed operands are stored by row (layout_hopper.h).
template <bool a_transposed, bool b_transposed>
__device__ inline void wgmma_m64n128k16(float (&d)[1][16][4], uint64_t a, uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " ATHANOR_64_REGISTERS
               "}, %64, %65, 1, 1, 1, %66, %67;\n"
               : ATHANOR_EIGHT_TILES(d[0], 0), ATHANOR_EIGHT_TILES(d[0], 8)
               : "l"(a), "l"(b), "n"(static_cast<int>(a_transposed)), "n"(static_cast<int>(b_transposed)));
}

// The same with 64 columns, of factors that are stored by depth.
__device__ inline void wgmma_m64n64k16(float (&d)[8][4], uint64_t a, uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ATHANOR_32_REGISTERS
               "}, %32, %33, 1, 1, 1, 0, 0;\n"
               : ATHANOR_EIGHT_TILES(d, 0)
               : "l"(a), "l"(b));
}

// The same with a in registers, each warp's 16 rows as mma_m16n8k16 takes them, and 64 or 128 columns.
template <bool b_transposed>
__device__ inline void wgmma_rows(float (&d)[8][4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " ATHANOR_32_REGISTERS
               "}, {%32, %33, %34, %35}, %36, 1, 1, 1, %37;\n"
               : ATHANOR_EIGHT_TILES(d, 0)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(static_cast<int>(b_transposed)));
}
template <bool b_transposed>
__device__ inline void wgmma_rows(float (&d)[16][4], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " ATHANOR_64_REGISTERS
               "}, {%64, %65, %66, %67}, %68, 1, 1, 1, %69;\n"
               : ATHANOR_EIGHT_TILES(d, 0), ATHANOR_EIGHT_TILES(d, 8)
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(static_cast<int>(b_transposed)));
}

#undef ATHANOR_64_REGISTERS
#undef ATHANOR_32_REGISTERS
#undef ATHANOR_EIGHT_TILES
#undef ATHANOR_FOUR

#endif

}  // namespace athanor

#endif
