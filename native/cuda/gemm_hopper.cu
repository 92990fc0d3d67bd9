// Blocks of two warpgroups, 64 x 128 sums each. One thread keeps TMA three stages ahead; a stage is free
// again when all warps have multiplied it. Two blocks share a multiprocessor, so that one multiplies
// while the other stores. Tile order, split k and epilogue are those of the portable kernel.
#include "cuda/gemm_hopper.h"
#include "cuda/gemm_split.h"
#include "cuda/layout_hopper.h"
#include "cuda/tensor_map.h"
#include "cuda/words_hopper.h"

namespace athanor {

namespace {

constexpr TileShape hopper_tile = tile_shape(GemmTile::large);
constexpr int hopper_depth = 64, hopper_stages = 3, hopper_threads = 256;
constexpr int operand_bytes = hopper_tile.m * hopper_line_bytes, hopper_stage_bytes = 2 * operand_bytes;
// Rounded up to where swizzling starts, then the stages, then a full and an empty barrier for each.
constexpr int hopper_shared_bytes =
    hopper_group_bytes + hopper_stages * hopper_stage_bytes + hopper_stages * 16;
static_assert(hopper_tile.m == 128 && hopper_tile.n == 128 &&
                  hopper_tile.m * staged_ld(hopper_tile.n) * 4 <= hopper_stages * hopper_stage_bytes,
              "two warpgroups of 64 rows; the finished tile fits the stages");

struct HopperProblem {
  int m, n, k;
  GemmGrid grid;
  float* partial;  // null: finished by the block
};

#if HOPPER_WORDS

// 128 rows and 64 k of a factor.
template <bool by_depth>
__device__ void load_operand(char* to, const CUtensorMap* map, uint64_t* full, int row, int k, int batch) {
  if (by_depth) {
    tma_load(to, map, full, k, row, batch);
  } else {
    tma_load(to, map, full, row, k, batch);
    tma_load(to + operand_bytes / 2, map, full, row + hopper_line_elements, k, batch);
  }
}

template <bool a_by_depth, bool b_by_depth>
__device__ void load_stage(char* stage, const CUtensorMap* a, const CUtensorMap* b, uint64_t* full,
                           const GemmBlock& block, int k) {
  barrier_arrive_expect(full, hopper_stage_bytes);
  load_operand<a_by_depth>(stage, a, full, block.row, k, block.batch);
  load_operand<b_by_depth>(stage + operand_bytes, b, full, block.column, k, block.batch);
}

template <bool a_by_depth, bool b_by_depth>
__device__ void multiply_stage(const char* stage, int warpgroup, float (&sums)[1][16][4]) {
  const uint32_t a = shared_address(stage), b = a + operand_bytes;
  wgmma_fence();
#pragma unroll
  for (int step = 0; step < hopper_depth / 16; step++) {
    wgmma_m64n128k16<!a_by_depth, !b_by_depth>(sums, wgmma_operand(a, a_by_depth, 64 * warpgroup, step),
                                               wgmma_operand(b, b_by_depth, 0, step));
  }
  wgmma_commit();
}

#endif

template <bool a_by_depth, bool b_by_depth, class Y>
__global__ void __launch_bounds__(hopper_threads, 2)
    gemm_hopper_kernel(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b,
                       const HopperProblem p, const Epilogue<Y> epilogue) {
#if HOPPER_WORDS
  char* raw = dynamic_shared<char>();
  char* shared = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  uint64_t* full = reinterpret_cast<uint64_t*>(shared + hopper_stages * hopper_stage_bytes);
  uint64_t* empty = full + hopper_stages;
  const GemmBlock block = p.grid.block(static_cast<int>(blockIdx.x), hopper_tile);
  const int steps = p.grid.steps_of(block, p.k, hopper_depth),
            first = block.split * p.grid.steps * hopper_depth;
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;
  const bool loads = threadIdx.x == 0;
  const auto load = [&](int step) {
    const int slot = step % hopper_stages;
    load_stage<a_by_depth, b_by_depth>(shared + slot * hopper_stage_bytes, &a, &b, full + slot, block,
                                       first + step * hopper_depth);
  };
  if (loads) {
    for (int slot = 0; slot < hopper_stages; slot++) {
      barrier_init(full + slot, 1);
      barrier_init(empty + slot, hopper_threads / warp_size);
    }
    barrier_init_fence();
  }
  __syncthreads();
  if (loads) {
    for (int step = 0; step < hopper_stages && step < steps; step++) load(step);
  }
  float sums[1][16][4] = {};
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    const int slot = step % hopper_stages;
    barrier_wait(full + slot, step / hopper_stages % 2);
    __syncwarp();  // wgmma wants whole warps, and lanes leave the wait, and thread 0 its loading, when they
                   // will
    multiply_stage<a_by_depth, b_by_depth>(shared + slot * hopper_stage_bytes, warpgroup, sums);
    wgmma_wait<1>();  // the step before this one has been multiplied
    if (step == 0) continue;
    const int before = step - 1, freed = before % hopper_stages, ahead = before + hopper_stages;
    if (threadIdx.x % warp_size == 0) barrier_arrive(empty + freed);
    if (loads && ahead < steps) {
      barrier_wait(empty + freed, before / hopper_stages % 2);
      load(ahead);
    }
  }
  wgmma_wait<0>();
  __syncthreads();
  float* staged = reinterpret_cast<float*>(shared);
  stage_fragments<hopper_tile.n>(staged, static_cast<int>(threadIdx.x) / 32 * 16, 0, sums);
  __syncthreads();
  finish_tile<hopper_tile.m, hopper_tile.n, hopper_threads>(
      staged, epilogue, p.grid.partial(p.partial, block, p.m, p.n), block.batch, block.row, block.column);
#endif
}

// A factor as TMA sees it: (batch, rows, columns) as stored.
CUtensorMap factor_map(const GemmFactor<bf16>& f, int64_t batch, int64_t rows, int64_t columns,
                       int box_rows) {
  return tensor_map(f.data, {batch, rows, columns, f.ld, f.stride}, box_rows);
}

template <bool a_by_depth, bool b_by_depth, class Y>
void launch_hopper(const Cuda& cuda, const DeviceGemm<bf16, bf16, Y>& g, const HopperProblem& p,
                   const Epilogue<Y>& e) {
  const CUtensorMap a = a_by_depth ? factor_map(g.a, g.batch, g.m, g.k, hopper_tile.m)
                                   : factor_map(g.a, g.batch, g.k, g.m, hopper_depth);
  const CUtensorMap b = b_by_depth ? factor_map(g.b, g.batch, g.n, g.k, hopper_tile.n)
                                   : factor_map(g.b, g.batch, g.k, g.n, hopper_depth);
  launch(gemm_hopper_kernel<a_by_depth, b_by_depth, Y>, p.grid.blocks(), dim3(hopper_threads),
         hopper_shared_bytes, cuda.stream, a, b, p, e);
}

}  // namespace

template <class Y>
void gemm_hopper(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<bf16, bf16, Y>& g) {
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const Epilogue<Y> e = make_epilogue(g.out, m, n);
  HopperProblem p{m, n, k, gemm_grid(plan, g.batch, m, n), nullptr};
  finish_splits(cuda, plan.splits, g.batch, p.partial, e, [&] {
    if (g.a.transposed) return launch_hopper<false, false>(cuda, g, p, e);
    if (g.b.transposed) return launch_hopper<true, true>(cuda, g, p, e);
    launch_hopper<true, false>(cuda, g, p, e);
  });
}

template void gemm_hopper(const Cuda&, const GemmPlan&, const DeviceGemm<bf16, bf16, bf16>&);
template void gemm_hopper(const Cuda&, const GemmPlan&, const DeviceGemm<bf16, bf16, float>&);

}  // namespace athanor
