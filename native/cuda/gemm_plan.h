// How a matrix product is cut into blocks of threads: pure functions of its size and the device, so that they
// are tested without one.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace athanor {

// The element types of a kernel family, and the instruction that multiplies them.
enum class GemmKind { bf16, f32, tf32, int8 };

// few_rows streams B through many small blocks: up to 16 rows, A stored by rows.
enum class GemmTile { large, small, few_rows };

struct TileShape {
  int m, n;
};
constexpr TileShape tile_shape(GemmTile tile) {
  return tile == GemmTile::large ? TileShape{128, 128} : TileShape{tile == GemmTile::small ? 64 : 16, 64};
}
// k per step of the main loop: 128 bytes of a row for tensor cores.
constexpr int tile_depth(GemmKind kind) {
  return kind == GemmKind::bf16 ? 64 : kind == GemmKind::int8 ? 128 : kind == GemmKind::tf32 ? 32 : 16;
}

struct GemmSize {
  int64_t batch, m, n, k;
  bool a_transposed, b_transposed;
};

// With splits > 1, split s adds the steps [s * steps, (s + 1) * steps) of k into a matrix of its own.
struct GemmPlan {
  GemmTile tile;
  int64_t splits;
  int64_t steps;  // of tile_depth, per split
};

// Which of the tiles is compiled for which way of storing the factors.
constexpr bool has_tile(GemmKind kind, GemmTile tile, bool a_transposed, bool b_transposed) {
  if (tile == GemmTile::small || kind == GemmKind::f32) return true;
  if (tile == GemmTile::few_rows) return !a_transposed;
  return !(a_transposed && b_transposed);
}

GemmPlan gemm_plan(GemmKind kind, const GemmSize& size, int multiprocessors);
// With the tile named, for tests.
GemmPlan gemm_plan_of(GemmTile tile, GemmKind kind, const GemmSize& size, int multiprocessors);

// Block `index` of a grid of tiles_m x tiles_n takes this tile. Bands of 8 tile rows, column by column: the
// blocks that run together share rows of A and columns of B in the L2 cache.
struct TileIndex {
  int m, n;
};
__host__ __device__ constexpr TileIndex tile_index(int index, int tiles_m, int tiles_n) {
  constexpr int band_rows = 8;
  const int band = index / (band_rows * tiles_n), inside = index - band * band_rows * tiles_n;
  const int left = tiles_m - band * band_rows, rows = left < band_rows ? left : band_rows;
  return {band * band_rows + inside % rows, inside / rows};
}

}  // namespace athanor
