// Products of every type, layout and size around the tiles' edges. Integers small enough that every sum is
// exact, so that results must be equal; then the error of bf16 against that of a plain loop in bf16.
#include <cstdlib>
#include <type_traits>

#include "cuda/check/gemm_problem.h"
#include "cuda/gemm_kernels.h"

namespace athanor {
namespace {

constexpr GemmKind bf16_kind = GemmKind::bf16, f32_kind = GemmKind::f32, tf32_kind = GemmKind::tf32;

template <GemmKind kind>
using Element = std::conditional_t<kind == GemmKind::bf16, bf16, float>;

// With the tile and the number of splits named; steps are divided as gemm_plan_of divides them.
template <GemmKind kind, class Y = Element<kind>>
void check_tile(KernelCheck& check, const GemmCase& c, GemmTile tile, int64_t splits) {
  using T = Element<kind>;
  const int64_t steps = (c.k + tile_depth(kind) - 1) / tile_depth(kind);
  const int64_t each = (steps + splits - 1) / splits;
  const GemmPlan plan{tile, each == 0 ? 1 : (steps + each - 1) / each, each};
  check_product<T, T, Y>(check, c, [&](const DeviceGemm<T, T, Y>& g) {
    if constexpr (kind == GemmKind::bf16) {
      gemm_bf16(check.cuda, plan, g);
    } else if constexpr (kind == GemmKind::tf32) {
      gemm_tf32(check.cuda, plan, g);
    } else {
      gemm_f32(check.cuda, plan, g);
    }
  });
}

template <class T>
void check_gemm(KernelCheck& check, const GemmCase& c) {
  check_product<T, T, T>(check, c, [&](const auto& g) { gemm(check.cuda, g); });
}

// Sizes one less, equal and one more than each tile and each step, in every layout.
template <GemmKind kind>
void check_edges(KernelCheck& check, GemmTile tile, bool a_transposed, bool b_transposed) {
  const TileShape s = tile_shape(tile);
  const int64_t depth = tile_depth(kind);
  for (int64_t edge : {-1, 0, 1}) {
    GemmCase c{s.m + edge, s.n - edge, depth + edge, a_transposed, b_transposed};
    check_tile<kind>(check, c, tile, 1);
    c = {s.m - edge, s.n + edge, 5 * depth - edge, a_transposed, b_transposed};
    check_tile<kind>(check, c, tile, 3);
  }
  check_tile<kind>(check, {s.m + 1, s.n + 1, 0, a_transposed, b_transposed}, tile, 1);
  check_tile<kind>(check, {1, 1, 1, a_transposed, b_transposed}, tile, 1);
  // Whole chunks of 16 bytes throughout: the way most products take.
  check_tile<kind>(check, {s.m - 8, s.n + 8, 4 * depth + 8, a_transposed, b_transposed}, tile, 2);
}

template <GemmKind kind>
void check_tiles(KernelCheck& check, GemmTile tile) {
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      if (has_tile(kind, tile, a_transposed, b_transposed)) {
        check_edges<kind>(check, tile, a_transposed, b_transposed);
      }
    }
  }
}

KERNEL_CHECK(gemm, "bf16, large tile") {
  check_tiles<bf16_kind>(check, GemmTile::large);
}
KERNEL_CHECK(gemm, "bf16, small tile") {
  check_tiles<bf16_kind>(check, GemmTile::small);
}
KERNEL_CHECK(gemm, "bf16, few rows") {
  check_tiles<bf16_kind>(check, GemmTile::few_rows);
}
KERNEL_CHECK(gemm, "bf16 to f32, every tile") {
  for (GemmTile tile : {GemmTile::large, GemmTile::small, GemmTile::few_rows}) {
    const TileShape s = tile_shape(tile);
    check_tile<bf16_kind, float>(check, {s.m + 1, s.n - 1, 130, false, false}, tile, 1);
    if (tile == GemmTile::few_rows) continue;
    check_tile<bf16_kind, float>(check, {s.m - 1, s.n + 1, 200, true, false}, tile, 3);
    check_tile<bf16_kind, float>(check, {s.m, s.n, 64, true, false, 1, 0, 0, false, false, false, true}, tile,
                                 1);
  }
}
KERNEL_CHECK(gemm, "f32, large tile") {
  check_tiles<f32_kind>(check, GemmTile::large);
}
KERNEL_CHECK(gemm, "f32, small tile") {
  check_tiles<f32_kind>(check, GemmTile::small);
}
KERNEL_CHECK(gemm, "f32, few rows") {
  check_tiles<f32_kind>(check, GemmTile::few_rows);
}

KERNEL_CHECK(gemm, "tf32, large tile") {
  check_tiles<tf32_kind>(check, GemmTile::large);
}
KERNEL_CHECK(gemm, "tf32, small tile") {
  check_tiles<tf32_kind>(check, GemmTile::small);
}
KERNEL_CHECK(gemm, "tf32, few rows") {
  check_tiles<tf32_kind>(check, GemmTile::few_rows);
}

// TF32 keeps 10 bits of mantissa: 1 + 2^-11 rounds away from 1, and only where the environment allows it.
KERNEL_CHECK(gemm, "fp32 is true fp32 unless TF32 is allowed") {
  const float x = 1.0f + 0x1p-11f, rounded = 1.0f + 0x1p-10f;
  const DeviceArray<float> one(std::vector<float>{x}), two(std::vector<float>{1}), y(1);
  const DeviceGemm<float, float, float> g{
      1, 1, 1, 1, {one.data(), 1, false}, {two.data(), 1, false}, {y.data(), 1}};
  gemm(check.cuda, g);
  check.same("fp32", y.download(), std::vector<float>{x});
  setenv("ATHANOR_TF32", "1", 1);
  gemm(check.cuda, g);
  unsetenv("ATHANOR_TF32");
  check.same("TF32", y.download(), std::vector<float>{rounded});
}

// Rows that are not where 16-byte loads may read them: an odd leading dimension, an odd address.
template <class T>
void check_strides(KernelCheck& check) {
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      // Rows of 48 elements, 16-byte loads, a last chunk that is not full.
      check_gemm<T>(check, {33, 37, 45, a_transposed, b_transposed, 1, 3, 0, true, true});
      // Results that are written four at a time, but for the last two of a row.
      check_gemm<T>(check, {33, 38, 70, a_transposed, b_transposed, 1, 2, 0, true, true});
      for (int64_t padding : {0, 1, 8}) {
        for (size_t offset : {size_t{0}, size_t{1}}) {
          check_gemm<T>(check, {33, 40, 72, a_transposed, b_transposed, 1, padding, offset, true, true});
        }
      }
    }
  }
  // Of the epilogue's arrays one alone is not where four elements may be moved at once.
  GemmCase one{20, 24, 8, false, true, 1, 0, 0, true, true};
  one.bias_offset = 1;
  check_gemm<T>(check, one);
  one.bias_offset = 0, one.residual_offset = 1;
  check_gemm<T>(check, one);
  check_gemm<T>(check, {9, 31, 77, false, true, 1, 3, 1, true, true, true, false, Function::relu});
}
KERNEL_CHECK(gemm, "bf16, strides") {
  check_strides<bf16>(check);
}
KERNEL_CHECK(gemm, "f32, strides") {
  check_strides<float>(check);
}

template <class T>
void check_empty(KernelCheck& check) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{0, 5, 7}, {5, 0, 7}, {0, 0, 0}, {5, 7, 0}}) {
    check_gemm<T>(check, {m, n, k});
    check_gemm<T>(check, {m, n, k, true, false, 1, 0, 0, true, true});
  }
  check_gemm<T>(check, {5, 7, 9, false, true, 0});
}
KERNEL_CHECK(gemm, "empty matrices, and an empty k, which leaves bias and residual") {
  check_empty<bf16>(check);
  check_empty<float>(check);
}

template <class T>
void check_epilogue(KernelCheck& check) {
  for (Function f : {Function::identity, Function::relu, Function::gelu, Function::gelu_tanh, Function::tanh,
                     Function::silu}) {
    check_gemm<T>(check, {20, 24, 8, false, true, 1, 0, 0, true, true, true, false, f});
    check_gemm<T>(check, {20, 21, 8, false, true, 1, 0, 0, true, false, false, false, f});
    check_tile<sizeof(T) == 2 ? bf16_kind : f32_kind>(
        check, {20, 24, 200, false, true, 1, 4, 0, true, true, true, false, f}, GemmTile::small, 3);
  }
  check_gemm<T>(check, {20, 24, 8, false, true, 1, 0, 0, false, false, true});
  check_gemm<T>(check, {65, 70, 40, true, false, 1, 0, 0, false, false, false, true});
  check_tile<sizeof(T) == 2 ? bf16_kind : f32_kind>(
      check, {65, 70, 200, true, false, 1, 1, 0, false, false, false, true}, GemmTile::small, 2);
}
KERNEL_CHECK(gemm, "bf16, epilogue: bias, z, activation, residual, accumulation") {
  check_epilogue<bf16>(check);
}
KERNEL_CHECK(gemm, "f32, epilogue: bias, z, activation, residual, accumulation") {
  check_epilogue<float>(check);
}

template <class T>
void check_batch(KernelCheck& check) {
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      check_gemm<T>(check, {17, 20, 24, a_transposed, b_transposed, 3, 0});
      check_gemm<T>(check, {17, 19, 23, a_transposed, b_transposed, 5, 1});
    }
  }
  check_tile<sizeof(T) == 2 ? bf16_kind : f32_kind>(check, {17, 20, 400, false, true, 3, 8}, GemmTile::small,
                                                    3);
}
KERNEL_CHECK(gemm, "bf16, batches") {
  check_batch<bf16>(check);
}
KERNEL_CHECK(gemm, "f32, batches") {
  check_batch<float>(check);
}

// More than one band of eight tile rows, and a last band that is not full.
KERNEL_CHECK(gemm, "bf16, more tiles than a band") {
  check_tile<bf16_kind>(check, {64 * 10 - 3, 64 * 2 + 1, 8}, GemmTile::small, 1);
}

// The largest error of y = x W^T in bf16 must be within twice that of a loop that adds in fp32 and rounds
// once.
KERNEL_CHECK(gemm, "bf16, error within twice that of a plain loop") {
  const int64_t m = 70, n = 66, k = 600;
  const std::vector<float> x = rounded_to<bf16>(check.random.normals(static_cast<size_t>(m * k)));
  const std::vector<float> w = rounded_to<bf16>(check.random.normals(static_cast<size_t>(n * k)));
  const DeviceArray<bf16> device_x(x), device_w(w), y(static_cast<size_t>(m * n));
  gemm(check.cuda, DeviceGemm<bf16, bf16, bf16>{
                       1, m, n, k, {device_x.data(), k, false}, {device_w.data(), k, true}, {y.data(), n}});
  const std::vector<float> got = y.floats();
  double plain_error = 0, error = 0;
  for (int64_t r = 0; r < m; r++) {
    for (int64_t c = 0; c < n; c++) {
      double exact = 0;
      float plain = 0;
      for (int64_t i = 0; i < k; i++) {
        const float product = x[static_cast<size_t>(r * k + i)] * w[static_cast<size_t>(c * k + i)];
        exact += double{product};  // exact: two factors of 8 bits
        plain += product;
      }
      const float rounded = rounded_to<bf16>({plain})[0];
      plain_error = std::fmax(plain_error, std::fabs(rounded - exact));
      error = std::fmax(error, std::fabs(double{got[static_cast<size_t>(r * n + c)]} - exact));
    }
  }
  check.expect(error <= 2 * plain_error && plain_error > 0,
               "error " + std::to_string(error) + ", of the plain loop " + std::to_string(plain_error));
}

KERNEL_CHECK(gemm, "equal calls give equal bits") {
  const int64_t m = 20, n = 70, k = 1000;
  const std::vector<float> x = check.random.normals(static_cast<size_t>(m * k));
  const std::vector<float> w = check.random.normals(static_cast<size_t>(n * k));
  const DeviceArray<float> device_x(x), device_w(w), first(static_cast<size_t>(m * n)), second(first.size());
  for (float* y : {first.data(), second.data()}) {
    gemm(check.cuda, DeviceGemm<float, float, float>{
                         1, m, n, k, {device_x.data(), k, false}, {device_w.data(), k, true}, {y, n}});
  }
  check.same("second call", second.download(), first.download());
}

KERNEL_CHECK(gemm, "a dimension of 2^30 is refused") {
  const DeviceGemm<float, float, float> g{
      1, 1, 1, int64_t{1} << 30, {nullptr, 1, false}, {nullptr, 1, false}, {nullptr, 1}};
  check.fails("must be below 2^30, got 1073741824", [&] { gemm(check.cuda, g); });
}

// ---- plans ----

KERNEL_CHECK(gemm, "every tile of a grid is one block's") {
  for (const auto& [tiles_m, tiles_n] : {std::array<int, 2>{1, 1}, {7, 3}, {8, 5}, {9, 4}, {26, 11}}) {
    std::vector<int> taken(static_cast<size_t>(tiles_m * tiles_n));
    for (int i = 0; i < tiles_m * tiles_n; i++) {
      const TileIndex tile = tile_index(i, tiles_m, tiles_n);
      check.expect(tile.m >= 0 && tile.m < tiles_m && tile.n >= 0 && tile.n < tiles_n, "a tile of the grid");
      taken[static_cast<size_t>(tile.m * tiles_n + tile.n)]++;
    }
    check.same("times taken", taken, std::vector<int>(taken.size(), 1));
  }
}

KERNEL_CHECK(gemm, "plans cover k, and use the tiles there are") {
  for (GemmKind kind : {GemmKind::bf16, GemmKind::f32, GemmKind::tf32, GemmKind::int8}) {
    for (int64_t m : {1, 16, 17, 300, 8192}) {
      for (int64_t k : {0, 1, 64, 1000, 65536}) {
        for (int layout = 0; layout < 4; layout++) {
          const GemmSize size{2, m, 768, k, layout / 2 != 0, layout % 2 != 0};
          const GemmPlan plan = gemm_plan(kind, size, 132);
          const int64_t steps = (k + tile_depth(kind) - 1) / tile_depth(kind);
          check.expect(has_tile(kind, plan.tile, size.a_transposed, size.b_transposed), "a tile that exists");
          check.expect(plan.splits >= 1 && plan.splits * plan.steps >= steps, "all of k");
          check.expect(plan.splits == 1 || (plan.splits - 1) * plan.steps < steps, "no split without work");
        }
      }
    }
  }
}

KERNEL_CHECK(gemm, "plans of BERT's products on 132 multiprocessors") {
  const auto plan = [](int64_t m, int64_t n, int64_t k, bool a_transposed) {
    return gemm_plan(GemmKind::bf16, {1, m, n, k, a_transposed, !a_transposed}, 132);
  };
  check.expect(plan(8192, 3072, 768, false).tile == GemmTile::large, "many rows: the large tile");
  check.expect(plan(8192, 3072, 768, false).splits == 1, "enough tiles: no splits");
  check.expect(plan(768, 768, 8192, true).splits > 1, "a weight's gradient: k is split");
  check.expect(plan(8, 768, 768, false).tile == GemmTile::few_rows, "8 rows: the tile for few rows");
  check.expect(plan(8, 768, 3072, false).splits > 1, "8 rows, a long k: it is split");
}

}  // namespace
}  // namespace athanor
