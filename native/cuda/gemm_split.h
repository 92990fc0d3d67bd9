// Split k: the matrices of partial sums are added in order, by a launch of its own, which then finishes them.
#pragma once

#include <climits>

#include "cuda/gemm_epilogue.h"
#include "cuda/gemm_plan.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"

namespace athanor {

// What one block of a product works on. Blocks of one matrix are neighbours, those of one split too.
struct GemmBlock {
  int row, column, batch, split;
};

struct GemmGrid {
  int tiles_m, tiles_n, splits, batch;
  int steps;  // of tile_depth in k, per split

  __device__ GemmBlock block(int index, TileShape shape) const {
    const int tiles = tiles_m * tiles_n, matrix = index / tiles;
    const TileIndex tile = tile_index(index - matrix * tiles, tiles_m, tiles_n);
    return {tile.m * shape.m, tile.n * shape.n, matrix / splits, matrix % splits};
  }
  // Steps of one split; the last may have fewer.
  __device__ int steps_of(const GemmBlock& b, int k, int depth) const {
    const int left = (k + depth - 1) / depth - b.split * steps;
    return left < steps ? left : steps;
  }
  // Where the block's partial sums go: (splits, batch, m, n).
  template <class Sum>
  __device__ Sum* partial(Sum* base, const GemmBlock& b, int64_t m, int64_t n) const {
    const int64_t matrix = static_cast<int64_t>(b.split) * batch + b.batch;
    return base == nullptr ? nullptr : base + static_cast<size_t>(matrix * m * n);
  }
  dim3 blocks() const { return dim3(static_cast<unsigned>(tiles_m * tiles_n * splits * batch)); }
};

inline GemmGrid gemm_grid(const GemmPlan& plan, int64_t batch, int64_t m, int64_t n) {
  const TileShape shape = tile_shape(plan.tile);
  const int64_t tiles_m = (m + shape.m - 1) / shape.m, tiles_n = (n + shape.n - 1) / shape.n;
  if (tiles_m * tiles_n * plan.splits * batch > INT_MAX) {
    throw Error(ErrorCode::shape, "gemm: " + std::to_string(batch) + " matrices of " + std::to_string(m) +
                                      " x " + std::to_string(n) + " are too many for one launch");
  }
  return {static_cast<int>(tiles_m), static_cast<int>(tiles_n), static_cast<int>(plan.splits),
          static_cast<int>(batch), static_cast<int>(plan.steps)};
}

namespace {

constexpr int reduce_threads = 256;

template <class Y, class Sum>
__global__ void __launch_bounds__(reduce_threads)
    gemm_reduce_kernel(const Sum* partial, int64_t matrices, int64_t batch, Epilogue<Y> e) {
  const int fours = (e.n + 3) / 4;
  const int64_t matrix = static_cast<int64_t>(e.m) * e.n;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * reduce_threads + threadIdx.x;
  if (index >= batch * e.m * fours) return;
  const int64_t row = index / fours;  // among those of all matrices
  const int column = static_cast<int>(index % fours) * 4, left = e.n - column;
  const Sum* from = partial + static_cast<size_t>(row * e.n + column);
  Sum sum[4] = {};
  for (int64_t added = 0; added < matrices; added++, from += static_cast<size_t>(batch * matrix)) {
    if (e.n % 4 == 0) {
      const Vector<Sum, 4> four = load_vector<4>(from);
#pragma unroll
      for (int i = 0; i < 4; i++) sum[i] += four[i];
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) sum[i] += i < left ? from[i] : Sum{};
    }
  }
  finish_four(e, row / e.m, static_cast<int>(row % e.m), column, sum);
}

}  // namespace

// Adds `matrices` times (batch, m, n) sums, and finishes the result.
template <class Y, class Sum>
void add_matrices(const Cuda& cuda, const Sum* sums, int64_t matrices, int64_t batch, const Epilogue<Y>& e) {
  const size_t fours = static_cast<size_t>(batch * e.m * ((e.n + 3) / 4));
  launch(gemm_reduce_kernel<Y, Sum>, dim3(blocks_for(fours, reduce_threads)), dim3(reduce_threads), 0,
         cuda.stream, sums, matrices, batch, e);
}

// Runs `product`. Where several matrices of sums make one result it first gives `partial` the memory for
// them, and afterwards adds them up.
template <class Y, class Sum, class F>
void finish_splits(const Cuda& cuda, int64_t matrices, int64_t batch, Sum*& partial, const Epilogue<Y>& e,
                   const F& product) {
  if (matrices == 1) return product();
  Scratch<Sum> sums(cuda, matrices * batch * e.m * e.n);
  partial = sums.data();
  product();
  add_matrices(cuda, partial, matrices, batch, e);
}

}  // namespace athanor
