// Matrix products in true fp32: every thread keeps a square of sums in registers and multiplies into it
// columns of A and rows of B from shared memory. Tiles lie there by k, whatever way the factors are stored:
// copies of four bytes may go anywhere, need no alignment, and are hidden behind the multiplications.
#include "cuda/copy_async.h"
#include "cuda/gemm_kernels.h"
#include "cuda/gemm_split.h"

namespace athanor {

namespace {

struct F32Problem {
  GemmFactor<float> a, b;
  int m, n, k;
  GemmGrid grid;
  float* partial;  // null: finished by the block
};

template <GemmTile tile>
struct F32Tile {
  static constexpr TileShape shape = tile_shape(tile);
  static constexpr int depth = tile_depth(GemmKind::f32);
  static constexpr bool large = tile == GemmTile::large, few = tile == GemmTile::few_rows;
  static constexpr int threads = few ? 128 : 256;
  static constexpr int blocks = large ? 2 : 3;  // per multiprocessor
  static constexpr int stages = few ? 6 : 3;
  // A thread's sums: `groups` x `groups` squares, 64 apart, of `rows` x 4.
  static constexpr int groups = large ? 2 : 1, rows = few ? 2 : 4;
  static constexpr int columns_of_threads = 16;
  // Four more than the tile is wide: copies down a column of the tile then meet two to a bank at most.
  static constexpr int ld_a = shape.m + 4, ld_b = shape.n + 4;
  static constexpr int stage_floats = depth * (ld_a + ld_b);
  static constexpr int staged_floats = shape.m * staged_ld(shape.n);
  static constexpr int shared_bytes =
      4 * (stages * stage_floats > staged_floats ? stages * stage_floats : staged_floats);

  // rows x depth of a factor, as lines of one k each. `by_depth`: neighbours in k are neighbours in memory.
  template <int width, int ld>
  __device__ static void load(float* to, const float* data, int64_t stride, bool by_depth, int row,
                              int row_end, int k, int k_end) {
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < width * depth; i += threads) {
      const int r = by_depth ? i / depth : i % width, line = by_depth ? i % depth : i / width;
      const bool inside = row + r < row_end && k + line < k_end;
      const int64_t at = by_depth ? (row + r) * stride + k + line : (k + line) * stride + row + r;
      copy_async_4(to + line * ld + r, inside ? data + static_cast<size_t>(at) : data, inside ? 4 : 0);
    }
  }

  __device__ static void load_stage(float* stage, const F32Problem& p, const GemmBlock& block, int step) {
    const int k = (block.split * p.grid.steps + step) * depth;
    load<shape.m, ld_a>(stage, p.a.data + static_cast<size_t>(block.batch * p.a.stride), p.a.ld,
                        !p.a.transposed, block.row, p.m, k, p.k);
    load<shape.n, ld_b>(stage + depth * ld_a, p.b.data + static_cast<size_t>(block.batch * p.b.stride),
                        p.b.ld, p.b.transposed, block.column, p.n, k, p.k);
  }

  struct Sums {
    float value[groups * rows][groups * 4];
  };

  __device__ static void multiply(const float* stage, int row, int column, Sums& sums) {
#pragma unroll
    for (int k = 0; k < depth; k++) {
      const float* a_line = stage + k * ld_a + row;
      const float* b_line = stage + depth * ld_a + k * ld_b + column;
      float a[groups * rows], b[groups * 4];
#pragma unroll
      for (int g = 0; g < groups; g++) {
        const Vector<float, rows> a_part = load_vector<rows>(a_line + 64 * g);
        const Vector<float, 4> b_part = load_vector<4>(b_line + 64 * g);
#pragma unroll
        for (int i = 0; i < rows; i++) a[g * rows + i] = a_part[i];
#pragma unroll
        for (int i = 0; i < 4; i++) b[g * 4 + i] = b_part[i];
      }
#pragma unroll
      for (int i = 0; i < groups * rows; i++) {
#pragma unroll
        for (int j = 0; j < groups * 4; j++) sums.value[i][j] = fmaf(a[i], b[j], sums.value[i][j]);
      }
    }
  }

  __device__ static void stage_sums(float* staged, int row, int column, const Sums& sums) {
#pragma unroll
    for (int i = 0; i < groups * rows; i++) {
#pragma unroll
      for (int g = 0; g < groups; g++) {
        const float* from = sums.value[i] + g * 4;
        const int r = row + i / rows * 64 + i % rows;
        store_vector(staged + r * staged_ld(shape.n) + column + 64 * g,
                     Vector<float, 4>{{from[0], from[1], from[2], from[3]}});
      }
    }
  }
};

template <GemmTile tile>
__global__ void __launch_bounds__(F32Tile<tile>::threads, F32Tile<tile>::blocks)
    gemm_f32_kernel(const F32Problem p, const Epilogue<float> epilogue) {
  using Tile = F32Tile<tile>;
  float* shared = dynamic_shared<float>();
  const GemmBlock block = p.grid.block(static_cast<int>(blockIdx.x), Tile::shape);
  const int steps = p.grid.steps_of(block, p.k, Tile::depth);
  const int row = static_cast<int>(threadIdx.x) / Tile::columns_of_threads * Tile::rows;
  const int column = static_cast<int>(threadIdx.x) % Tile::columns_of_threads * 4;
  typename Tile::Sums sums = {};

#pragma unroll 1
  for (int step = 0; step < Tile::stages - 1; step++) {
    if (step < steps) Tile::load_stage(shared + step * Tile::stage_floats, p, block, step);
    copy_async_commit();
  }
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    copy_async_wait<Tile::stages - 2>();
    __syncthreads();  // this step's tiles are there, and the last step's are read
    const int ahead = step + Tile::stages - 1;
    if (ahead < steps) Tile::load_stage(shared + ahead % Tile::stages * Tile::stage_floats, p, block, ahead);
    copy_async_commit();  // also when empty, so that the wait counts steps
    Tile::multiply(shared + step % Tile::stages * Tile::stage_floats, row, column, sums);
  }
  __syncthreads();  // all tiles are read: sums take their place. Groups that are still open are empty.
  Tile::stage_sums(shared, row, column, sums);
  __syncthreads();
  finish_tile<Tile::shape.m, Tile::shape.n, Tile::threads>(
      shared, epilogue, p.grid.partial(p.partial, block, p.m, p.n), block.batch, block.row, block.column);
}

template <GemmTile tile>
void launch_f32(const Cuda& cuda, const F32Problem& p, const Epilogue<float>& e) {
  using Tile = F32Tile<tile>;
  launch(gemm_f32_kernel<tile>, p.grid.blocks(), dim3(Tile::threads), Tile::shared_bytes, cuda.stream, p, e);
}

}  // namespace

void gemm_f32(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, float, float>& g) {
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const Epilogue<float> e = make_epilogue(g.out, m, n);
  F32Problem p{g.a, g.b, m, n, k, gemm_grid(plan, g.batch, m, n), nullptr};
  finish_splits(cuda, plan.splits, g.batch, p.partial, e, [&] {
    switch (plan.tile) {
      case GemmTile::large: return launch_f32<GemmTile::large>(cuda, p, e);
      case GemmTile::small: return launch_f32<GemmTile::small>(cuda, p, e);
      case GemmTile::few_rows: return launch_f32<GemmTile::few_rows>(cuda, p, e);
    }
  });
}

}  // namespace athanor
