// The plan of least estimated time. The estimate counts clocks of one multiprocessor; its constants come from
// data sheets of sm_80 and sm_90, not from measurements yet.
#include "cuda/gemm_plan.h"

#include <algorithm>

namespace athanor {

namespace {

constexpr double block_clocks = 2000;   // filling the pipeline and storing the tile
constexpr double reduce_clocks = 6000;  // one more launch
constexpr double bytes_per_clock = 16;  // of one multiprocessor, to and from memory
constexpr int64_t splits_most = 32;
constexpr int64_t steps_least = 4;  // per split: fewer do not fill the pipeline

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// One step of a tile: multiplications at the rate of the kind, or what it loads, whichever takes longer. The
// large tile reuses registers best; the small one reaches about two thirds of its rate.
double step_clocks(GemmKind kind, GemmTile tile) {
  const TileShape s = tile_shape(tile);
  const double depth = tile_depth(kind);
  const double per_clock = kind == GemmKind::bf16   ? 1024
                           : kind == GemmKind::int8 ? 2048
                           : kind == GemmKind::tf32 ? 512
                                                    : 128;
  const double reached = tile == GemmTile::large ? 0.8 : 0.5;
  const double element = kind == GemmKind::bf16 ? 2 : kind == GemmKind::int8 ? 1 : 4;
  // What other blocks have loaded comes from L2, about three times as fast as memory.
  const double loads = (s.m + s.n) * depth * element / (3 * bytes_per_clock);
  return std::max(s.m * s.n * depth / (per_clock * reached), loads);
}

double clocks(GemmKind kind, const GemmSize& size, const GemmPlan& plan, int multiprocessors) {
  const TileShape s = tile_shape(plan.tile);
  const int64_t blocks = size.batch * divide_up(size.m, s.m) * divide_up(size.n, s.n) * plan.splits;
  const double rounds = static_cast<double>(divide_up(blocks, multiprocessors));
  double total = rounds * (block_clocks + static_cast<double>(plan.steps) * step_clocks(kind, plan.tile));
  if (plan.splits > 1) {
    const double elements = static_cast<double>(size.batch * size.m * size.n * plan.splits);
    total += reduce_clocks + elements * 8 / (bytes_per_clock * multiprocessors);
  }
  return total;
}

}  // namespace

GemmPlan gemm_plan_of(GemmTile tile, GemmKind kind, const GemmSize& size, int multiprocessors) {
  const int64_t steps = divide_up(size.k, tile_depth(kind));
  GemmPlan best{tile, 1, steps};
  double least = clocks(kind, size, best, multiprocessors);
  for (int64_t splits = 2; splits <= splits_most && splits * steps_least <= steps; splits++) {
    GemmPlan plan{tile, splits, divide_up(steps, splits)};
    plan.splits = divide_up(steps, plan.steps);  // none without work
    const double estimate = clocks(kind, size, plan, multiprocessors);
    if (estimate < least) best = plan, least = estimate;
  }
  return best;
}

GemmPlan gemm_plan(GemmKind kind, const GemmSize& size, int multiprocessors) {
  if (size.m <= tile_shape(GemmTile::few_rows).m &&
      has_tile(kind, GemmTile::few_rows, size.a_transposed, size.b_transposed)) {
    return gemm_plan_of(GemmTile::few_rows, kind, size, multiprocessors);
  }
  const GemmPlan small = gemm_plan_of(GemmTile::small, kind, size, multiprocessors);
  if (!has_tile(kind, GemmTile::large, size.a_transposed, size.b_transposed)) return small;
  const GemmPlan large = gemm_plan_of(GemmTile::large, kind, size, multiprocessors);
  return clocks(kind, size, large, multiprocessors) <= clocks(kind, size, small, multiprocessors) ? large
                                                                                                  : small;
}

}  // namespace athanor
