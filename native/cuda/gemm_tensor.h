// Matrix products on tensor cores by mma.sync, for sm_80 and newer: tiles of both factors come through a ring
// of stages in shared memory (cp.async), fragments by ldmatrix, sums stay in registers. Instantiated by
// gemm_bf16.cu, gemm_bf16_f32.cu, gemm_mixed.cu, gemm_tf32.cu and gemm_int8.cu.
//
// A block has four warps. The large tile gives each 64 x 64 sums, which reads the least from shared memory
// for each multiplication; more would not fit the registers.
#pragma once

#include "cuda/gemm_fragments.h"
#include "cuda/gemm_split.h"

namespace athanor {

struct Bf16Family {
  using A = bf16;
  using B = bf16;
  using Sum = float;
  static constexpr GemmKind kind = GemmKind::bf16;
};
struct Tf32Family {
  using A = float;
  using B = float;
  using Sum = float;
  static constexpr GemmKind kind = GemmKind::tf32;
};
// A row of A stands for scale * (a - zero), and the sum of zero * b is taken off here.
struct Int8Family {
  using A = uint8_t;
  using B = int8_t;
  using Sum = int32_t;
  static constexpr GemmKind kind = GemmKind::int8;
};

__device__ inline void multiply_fragments(Bf16Family, float (&sum)[4], const uint32_t (&a)[4],
                                          const uint32_t (&b)[2]) {
  mma_m16n8k16(sum, a, b);
}
__device__ inline void multiply_fragments(Tf32Family, float (&sum)[4], const uint32_t (&a)[4],
                                          const uint32_t (&b)[2]) {
  mma_m16n8k8_tf32(sum, a, b);
}
__device__ inline void multiply_fragments(Int8Family, int32_t (&sum)[4], const uint32_t (&a)[4],
                                          const uint32_t (&b)[2]) {
  mma_m16n8k32(sum, a, b);
}

// What a fragment's words become before they are multiplied.
template <class Family, int count>
__device__ inline void prepare_fragment(Family, uint32_t (&)[count]) {}
template <int count>
__device__ inline void prepare_fragment(Tf32Family, uint32_t (&words)[count]) {
#pragma unroll
  for (int i = 0; i < count; i++) words[i] = to_tf32(__uint_as_float(words[i]));
}

template <class Family>
struct TensorProblem {
  FactorSource<typename Family::A> a;
  FactorSource<typename Family::B> b;
  int m, n, k;
  GemmGrid grid;
  typename Family::Sum* partial;  // null: finished by the block
  const int32_t* row_zero;        // (m), of 8-bit integers
};

template <class Family, GemmTile tile, bool a_by_depth, bool b_by_depth>
struct TensorTile {
  using A = typename Family::A;
  using B = typename Family::B;
  using Sum = typename Family::Sum;
  static constexpr TileShape shape = tile_shape(tile);
  static constexpr int depth = tile_depth(Family::kind);
  static constexpr int threads = 128;
  static constexpr int stages = tile == GemmTile::large ? 3 : tile == GemmTile::small ? 4 : 6;
  static constexpr int blocks = tile == GemmTile::large ? 2 : 3;  // per multiprocessor
  static constexpr int warps_n = tile == GemmTile::few_rows ? 4 : 2;
  static constexpr int warp_m = shape.m / (4 / warps_n), warp_n = shape.n / warps_n;
  static constexpr int m_tiles = warp_m / 16, n_tiles = warp_n / 8;
  static constexpr int inner_steps = 4;  // of 32 bytes in the 128 of a step
  static constexpr bool integers = Family::kind == GemmKind::int8;

  template <class T, int rows, bool by_depth>
  using Operand = OperandTile<T, by_depth ? rows : depth,
                              by_depth ? 8 : rows* static_cast<int>(sizeof(T)) / 16, by_depth>;
  using TileA = Operand<A, shape.m, a_by_depth>;
  using TileB = Operand<B, shape.n, b_by_depth>;

  static constexpr int stage_bytes = TileA::bytes + TileB::bytes;
  static constexpr int staged_bytes = shape.m * staged_ld(shape.n) * static_cast<int>(sizeof(Sum));
  static constexpr int shared_bytes =
      stages * stage_bytes > staged_bytes ? stages* stage_bytes : staged_bytes;

  struct Sums {
    Sum value[m_tiles][n_tiles][4];
    int32_t columns[n_tiles];  // of B, for integers: this lane's share of column (lane / 4)
  };

  __device__ static A* stage_a(char* shared, int step) {
    return reinterpret_cast<A*>(shared + step % stages * stage_bytes);
  }
  __device__ static B* stage_b(char* shared, int step) {
    return reinterpret_cast<B*>(shared + step % stages * stage_bytes + TileA::bytes);
  }

  __device__ static void load(char* shared, const TensorProblem<Family>& p, const GemmBlock& block,
                              int step) {
    const int k = (block.split * p.grid.steps + step) * depth;
    const A* a = p.a.data + static_cast<size_t>(block.batch * p.a.stride);
    const B* b = p.b.data + static_cast<size_t>(block.batch * p.b.stride);
    if constexpr (a_by_depth) {
      TileA::template load<threads>(stage_a(shared, step), a, p.a.ld, p.a.vectors, block.row, p.m, k, p.k);
    } else {
      TileA::template load<threads>(stage_a(shared, step), a, p.a.ld, p.a.vectors, k, p.k, block.row, p.m);
    }
    if constexpr (b_by_depth) {
      TileB::template load<threads>(stage_b(shared, step), b, p.b.ld, p.b.vectors, block.column, p.n, k, p.k);
    } else {
      TileB::template load<threads>(stage_b(shared, step), b, p.b.ld, p.b.vectors, k, p.k, block.column, p.n);
    }
  }

  __device__ static void multiply(const A* a_tile, const B* b_tile, int row, int column, Sums& sums) {
#pragma unroll
    for (int step = 0; step < inner_steps; step++) {
      uint32_t a[m_tiles][4], b[n_tiles / 2][4];
#pragma unroll
      for (int i = 0; i < m_tiles; i++) {
        load_a_fragment<TileA, a_by_depth>(a_tile, row + 16 * i, step, a[i]);
        prepare_fragment(Family{}, a[i]);
      }
#pragma unroll
      for (int j = 0; j < n_tiles / 2; j++) {
        load_b_fragments<TileB, b_by_depth>(b_tile, column + 16 * j, step, b[j]);
        prepare_fragment(Family{}, b[j]);
      }
#pragma unroll
      for (int j = 0; j < n_tiles; j++) {
        const uint32_t pair[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
#pragma unroll
        for (int i = 0; i < m_tiles; i++) multiply_fragments(Family{}, sums.value[i][j], a[i], pair);
        if (integers) sums.columns[j] = add_bytes(add_bytes(sums.columns[j], pair[0]), pair[1]);
      }
    }
  }

  // Takes zero * (sum of the column of B) off every sum.
  __device__ static void subtract_zeros(const TensorProblem<Family>& p, int row, Sums& sums) {
    const int lane = static_cast<int>(threadIdx.x) & 31;
    int32_t zero[m_tiles][2];
#pragma unroll
    for (int i = 0; i < m_tiles; i++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int r = row + 16 * i + 8 * half + (lane >> 2);
        zero[i][half] = r < p.m ? p.row_zero[r] : 0;
      }
    }
#pragma unroll
    for (int j = 0; j < n_tiles; j++) {
      int32_t total = sums.columns[j];
      total += __shfl_xor_sync(0xffffffffu, total, 1);
      total += __shfl_xor_sync(0xffffffffu, total, 2);
      // Lanes 4 c to 4 c + 3 have the total of column c; a lane's sums are of columns 2 (lane % 4) and next.
      const int32_t even = __shfl_sync(0xffffffffu, total, (lane & 3) * 8);
      const int32_t odd = __shfl_sync(0xffffffffu, total, (lane & 3) * 8 + 4);
#pragma unroll
      for (int i = 0; i < m_tiles; i++) {
#pragma unroll
        for (int v = 0; v < 4; v++) sums.value[i][j][v] -= zero[i][v >> 1] * (v % 2 == 0 ? even : odd);
      }
    }
  }
};

namespace {

template <class Tile, class Family, class Y>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks)
    gemm_tensor_kernel(const TensorProblem<Family> p, const Epilogue<Y> epilogue) {
  char* shared = dynamic_shared<char>();
  const GemmBlock block = p.grid.block(static_cast<int>(blockIdx.x), Tile::shape);
  const int steps = p.grid.steps_of(block, p.k, Tile::depth);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row = warp / Tile::warps_n * Tile::warp_m, column = warp % Tile::warps_n * Tile::warp_n;
  typename Tile::Sums sums = {};

#pragma unroll 1
  for (int step = 0; step < Tile::stages - 1; step++) {
    if (step < steps) Tile::load(shared, p, block, step);
    copy_async_commit();
  }
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    copy_async_wait<Tile::stages - 2>();
    __syncthreads();  // this step's tiles are there, and the last step's are read
    const int ahead = step + Tile::stages - 1;
    if (ahead < steps) Tile::load(shared, p, block, ahead);
    copy_async_commit();  // also when empty, so that the wait counts steps
    Tile::multiply(Tile::stage_a(shared, step), Tile::stage_b(shared, step), row, column, sums);
  }
  __syncthreads();  // all tiles are read: sums take their place. Groups that are still open are empty.

  using Sum = typename Family::Sum;
  if constexpr (Tile::integers) Tile::subtract_zeros(p, block.row + row, sums);
  Sum* staged = reinterpret_cast<Sum*>(shared);
  stage_fragments<Tile::shape.n>(staged, row, column, sums.value);
  __syncthreads();
  finish_tile<Tile::shape.m, Tile::shape.n, Tile::threads>(
      staged, epilogue, p.grid.partial(p.partial, block, p.m, p.n), block.batch, block.row, block.column);
}

template <class Family, class Y, GemmTile tile, bool a_transposed, bool b_transposed>
void launch_tile(const Cuda& cuda, const TensorProblem<Family>& p, const Epilogue<Y>& e) {
  if constexpr (has_tile(Family::kind, tile, a_transposed, b_transposed)) {
    using Tile = TensorTile<Family, tile, !a_transposed, b_transposed>;
    launch(gemm_tensor_kernel<Tile, Family, Y>, p.grid.blocks(), dim3(Tile::threads), Tile::shared_bytes,
           cuda.stream, p, e);
  } else {
    throw Error(ErrorCode::internal, "gemm: this tile is not compiled for factors stored so");
  }
}

template <class Family, class Y, GemmTile tile>
void launch_layout(const Cuda& cuda, const TensorProblem<Family>& p, const Epilogue<Y>& e, bool a_transposed,
                   bool b_transposed) {
  if constexpr (Family::kind == GemmKind::int8) {
    if (b_transposed) return launch_tile<Family, Y, tile, false, true>(cuda, p, e);
    launch_tile<Family, Y, tile, false, false>(cuda, p, e);
  } else {
    if (!a_transposed && b_transposed) return launch_tile<Family, Y, tile, false, true>(cuda, p, e);
    if (!a_transposed) return launch_tile<Family, Y, tile, false, false>(cuda, p, e);
    if (!b_transposed) return launch_tile<Family, Y, tile, true, false>(cuda, p, e);
    launch_tile<Family, Y, tile, true, true>(cuda, p, e);
  }
}

}  // namespace

template <class Family, class Y>
void launch_plan(const Cuda& cuda, const GemmPlan& plan, const TensorProblem<Family>& p, const Epilogue<Y>& e,
                 bool a_transposed, bool b_transposed) {
  switch (plan.tile) {
    case GemmTile::large:
      return launch_layout<Family, Y, GemmTile::large>(cuda, p, e, a_transposed, b_transposed);
    case GemmTile::small:
      return launch_layout<Family, Y, GemmTile::small>(cuda, p, e, a_transposed, b_transposed);
    case GemmTile::few_rows:
      return launch_layout<Family, Y, GemmTile::few_rows>(cuda, p, e, a_transposed, b_transposed);
  }
}

// `row_parts` > 1: A has that many times the rows of the product, whose matrices of sums are added like
// splits.
template <class Family, class Y>
void run_tensor(const Cuda& cuda, const GemmPlan& plan, TensorProblem<Family> p, const Epilogue<Y>& e,
                bool a_transposed, bool b_transposed, int64_t row_parts = 1) {
  Epilogue<Y> of_kernel = e;
  of_kernel.m = p.m;
  finish_splits(cuda, plan.splits * row_parts, p.grid.batch, p.partial, e,
                [&] { launch_plan<Family, Y>(cuda, plan, p, of_kernel, a_transposed, b_transposed); });
}

}  // namespace athanor
