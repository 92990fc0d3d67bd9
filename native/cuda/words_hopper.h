// The words of sm_90a that the emulator does not know: mbarrier, TMA and wgmma (PTX ISA). Only for code that
// is compiled where __CUDA_ARCH_FEAT_SM90_ALL says so.
#pragma once

#if defined(__CUDACC__) && defined(__CUDA_ARCH_FEAT_SM90_ALL)

#include <cuda.h>

#include "cuda/copy_async.h"

namespace athanor {

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

__device__ inline void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
}
__device__ inline void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
}
template <int pending>
__device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(pending) : "memory");
}

#define ATHANOR_FOUR(d, j) "+f"(d[0][j][0]), "+f"(d[0][j][1]), "+f"(d[0][j][2]), "+f"(d[0][j][3])

// d += a b by four warps: a (64, 16), b (16, 128), d (64, 128), of which each warp has 16 rows as 16 tiles of
// mma.h. Transposed operands are stored by row (layout_hopper.h).
template <bool a_transposed, bool b_transposed>
__device__ inline void wgmma_m64n128k16(float (&d)[1][16][4], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, %66, %67;\n"
      : ATHANOR_FOUR(d, 0), ATHANOR_FOUR(d, 1), ATHANOR_FOUR(d, 2), ATHANOR_FOUR(d, 3), ATHANOR_FOUR(d, 4),
        ATHANOR_FOUR(d, 5), ATHANOR_FOUR(d, 6), ATHANOR_FOUR(d, 7), ATHANOR_FOUR(d, 8), ATHANOR_FOUR(d, 9),
        ATHANOR_FOUR(d, 10), ATHANOR_FOUR(d, 11), ATHANOR_FOUR(d, 12), ATHANOR_FOUR(d, 13),
        ATHANOR_FOUR(d, 14), ATHANOR_FOUR(d, 15)
      : "l"(a), "l"(b), "n"(static_cast<int>(a_transposed)), "n"(static_cast<int>(b_transposed)));
}

#undef ATHANOR_FOUR

}  // namespace athanor

#endif
