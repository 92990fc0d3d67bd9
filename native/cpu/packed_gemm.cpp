// Up to 16 rows the weights stream through the cache once: jobs are groups of panels, and every tile fetches
// its share of the next panel. More rows than that divide as in gemm.cpp, without anything to pack: bf16
// panels are widened into scratch, a block of k at a time; i8 sums run over all of k.
#include "cpu/packed_gemm.h"

#include <algorithm>
#include <atomic>

#include "cpu/isa/tiles.h"
#include "cpu/packed_buffer.h"

namespace athanor {

namespace {

using detail::depth_most;
using detail::divide_up;
using detail::gemm_jobs;
using detail::Range;
using detail::rows_few;
using detail::rows_most;
using detail::rows_streamed;
using detail::Split;

constexpr size_t rows_widened = 48;  // up to here bf16 is widened in registers

// The rows of x as integers.
struct Quantized {
  const uint8_t* rows;  // (m, ld)
  size_t ld;
  const float* scale;  // (m)
  const int32_t* zero;
};

class PackedProduct {
 public:
  PackedProduct(const Int8Tiles& int8, const PackedGemm& problem)
      : g(problem),
        w(*problem.weight),
        tiles(*w.kernels.gemm),
        int8(int8),
        rows{g.m, divide_up(g.m, tiles.rows)},
        depth{w.k, std::max<size_t>(1, divide_up(w.k, depth_most))} {}

  // A block of k of one panel at a time, which every row tile reads; the blocks lie one after another.
  void stream(Range panels, const Quantized* q) const {
    const size_t blocks = q == nullptr ? depth.parts : 1;
    for (size_t panel = panels.begin; panel < panels.end; panel++) {
      for (size_t block = 0; block < blocks; block++) {
        const bool last = block + 1 == blocks;
        const char* ahead = last ? next_panel(panel) : w.panel(panel) + block_offset(panel, block + 1);
        const size_t bytes = q != nullptr ? w.panel_bytes(panel) : block_bytes(panel, block);
        const size_t share = ahead == nullptr ? 0 : divide_up(bytes, rows.parts);
        for (size_t tile = 0; tile < rows.parts; tile++) {
          const char* from = ahead + tile * share;
          if (q != nullptr) {
            int8_tile(panel, tile, *q, from, share);
          } else {
            stream_tile(panel, tile, block, from, share);
          }
        }
      }
    }
  }

  // Widening bf16 panels pays only where many rows share them.
  bool streams() const { return g.m <= (w.dtype == DType::bf16 ? rows_widened : rows_streamed); }

  void multiply(Range row_tiles, Range panels, const Quantized* q, Worker& worker) const {
    if (q != nullptr) {
      for (size_t panel = panels.begin; panel < panels.end; panel++) {
        for (size_t tile = row_tiles.begin; tile < row_tiles.end; tile++)
          int8_tile(panel, tile, *q, nullptr, 0);
      }
      return;
    }
    for (size_t block = 0; block < depth.parts; block++) {
      for (size_t panel = panels.begin; panel < panels.end; panel++) {
        const float* b = block_of_panel(panel, block, worker);
        for (size_t tile = row_tiles.begin; tile < row_tiles.end; tile++) f32_tile(panel, tile, block, b);
      }
    }
  }

  const PackedGemm& g;
  const PackedWeight& w;
  const GemmTiles& tiles;
  const Int8Tiles& int8;
  const Split rows;   // over tiles
  const Split depth;  // of k, over blocks

 private:
  const char* next_panel(size_t panel) const {
    return panel + 1 == w.panels.parts ? nullptr : w.panel(panel + 1);
  }
  size_t block_offset(size_t panel, size_t block) const {
    return depth.begin(block) * wide(panel) * dtype_size(w.dtype);
  }
  size_t block_bytes(size_t panel, size_t block) const {
    return depth.size(block) * wide(panel) * dtype_size(w.dtype);
  }
  size_t column(size_t panel) const { return w.panels.begin(panel) * w.width; }
  size_t wide(size_t panel) const { return w.panels.size(panel) * w.width; }
  size_t columns(size_t panel) const { return std::min(w.n - column(panel), wide(panel)); }
  const float* bias(size_t panel) const { return g.bias == nullptr ? nullptr : g.bias + column(panel); }
  float* c(size_t row_tile, size_t panel) const { return g.c + rows.begin(row_tile) * g.ldc + column(panel); }

  const float* block_of_panel(size_t panel, size_t block, Worker& worker) const {
    size_t first = depth.begin(block) * wide(panel), count = depth.size(block) * wide(panel);
    if (w.dtype == DType::f32) return reinterpret_cast<const float*>(w.panel(panel)) + first;
    float* widened = worker.floats(count, 3);
    w.kernels.from_bf16(widened, reinterpret_cast<const uint16_t*>(w.panel(panel)) + first, count);
    return widened;
  }

  void f32_tile(size_t panel, size_t row_tile, size_t block, const float* b) const {
    Tile t{};
    t.k = depth.size(block);
    t.a = g.a + rows.begin(row_tile) * g.lda + depth.begin(block);
    t.a_row = g.lda;
    t.a_step = 1;
    t.b = b;
    t.b_step = wide(panel);
    t.c = c(row_tile, panel);
    t.ldc = g.ldc;
    t.columns = columns(panel);
    const bool last = block + 1 == depth.parts;
    t.bias = last ? bias(panel) : nullptr;
    t.scale = 1.0f;
    t.add = block > 0;
    tiles.tile[w.panels.size(panel) - 1][rows.size(row_tile) - 1](t);
    if (last) finish(row_tile, panel);
  }

  void stream_tile(size_t panel, size_t row_tile, size_t block, const char* ahead, size_t share) const {
    StreamTile t{};
    t.k = depth.size(block);
    t.a = g.a + rows.begin(row_tile) * g.lda + depth.begin(block);
    t.lda = g.lda;
    t.b = w.panel(panel) + block_offset(panel, block);
    t.c = c(row_tile, panel);
    t.ldc = g.ldc;
    t.columns = columns(panel);
    const bool last = block + 1 == depth.parts;
    t.bias = last ? bias(panel) : nullptr;
    t.add = block > 0;
    t.ahead = ahead;
    t.ahead_step = divide_up(share, std::max<size_t>(1, t.k));
    const StreamTiles& stream = *w.kernels.stream;
    const auto& kinds = w.dtype == DType::bf16 ? stream.bf16 : stream.f32;
    kinds[w.panels.size(panel) - 1][rows.size(row_tile) - 1](t);
    if (last) finish(row_tile, panel);
  }

  void int8_tile(size_t panel, size_t row_tile, const Quantized& q, const char* ahead, size_t share) const {
    size_t row = rows.begin(row_tile);
    Int8Tile t{};
    t.groups = w.padded_k() / 4;
    t.a = q.rows + row * q.ld;
    t.lda = q.ld;
    t.b = reinterpret_cast<const int8_t*>(w.panel(panel));
    t.c = c(row_tile, panel);
    t.ldc = g.ldc;
    t.columns = columns(panel);
    t.row_scale = q.scale + row;
    t.row_zero = q.zero + row;
    t.column_scale = g.weight_scale + column(panel);
    t.column_sum = w.column_sums(panel);
    t.bias = bias(panel);
    t.ahead = ahead;
    t.ahead_step = divide_up(share, std::max<size_t>(1, t.groups));
    int8.tile[w.panels.size(panel) - 1][rows.size(row_tile) - 1](t);
    finish(row_tile, panel);
  }

  // On a tile just stored.
  void finish(size_t row_tile, size_t panel) const {
    if (g.activation == Function::identity && g.residual == nullptr) return;
    float* y = c(row_tile, panel);
    for (size_t row = rows.begin(row_tile); row < rows.begin(row_tile + 1); row++, y += g.ldc) {
      if (g.activation != Function::identity) w.kernels.function(g.activation, y, y, columns(panel));
      if (g.residual != nullptr) {
        const float* x = g.residual + row * g.ld_residual + column(panel);
        w.kernels.arithmetic(Arithmetic::add, y, y, x, columns(panel));
      }
    }
  }
};

// Jobs over row tiles and panels: all rows to a job when there are few, else blocks of rows and as many
// groups of columns as keep the threads busy.
struct Jobs {
  Split rows, panels;

  Jobs(const PackedProduct& p) : rows{p.rows.parts, 1}, panels{p.w.panels.parts, 1} {
    if (p.g.m <= rows_few) {
      panels.parts = gemm_jobs(p.g.m, p.w.n, p.w.k, p.w.panels.parts);
      return;
    }
    rows.parts = std::min(divide_up(p.g.m, rows_most), p.rows.parts);
    size_t groups = divide_up(static_cast<size_t>(thread_count()) * 6, rows.parts);
    panels.parts = std::min(groups, p.w.panels.parts);
  }
  size_t count() const { return rows.parts * panels.parts; }
};

void run_job(const PackedProduct& p, const Jobs& jobs, size_t index, const Quantized* q, Worker& worker) {
  size_t row = index / jobs.panels.parts, column = index % jobs.panels.parts;
  Range panels{jobs.panels.begin(column), jobs.panels.begin(column + 1)};
  if (p.streams()) {
    p.stream(panels, q);
  } else {
    p.multiply({jobs.rows.begin(row), jobs.rows.begin(row + 1)}, panels, q, worker);
  }
}

// The first jobs of the region turn the rows into integers, the others wait for them.
void multiply_int8(const PackedProduct& p, const Jobs& jobs) {
  const size_t m = p.g.m, ld = p.w.padded_k();
  PackedBuffer buffer(divide_up(m * ld, sizeof(float)) + 2 * m + 16);
  float* scale = buffer.data();
  int32_t* zero = reinterpret_cast<int32_t*>(scale + m);
  uint8_t* rows = reinterpret_cast<uint8_t*>(zero + m);
  const Quantized q{rows, ld, scale, zero};
  Split preparing{m, gemm_jobs(m, p.w.k, 16, m)};
  std::atomic<size_t> left{preparing.parts};
  parallel_for(preparing.parts + jobs.count(), [&](size_t index, Worker& worker) {
    if (index < preparing.parts) {
      for (size_t row = preparing.begin(index); row < preparing.begin(index + 1); row++) {
        p.int8.quantize(rows + row * ld, p.g.a + row * p.g.lda, p.w.k, scale + row, zero + row);
      }
      left.fetch_sub(1, std::memory_order_release);
      return;
    }
    detail::wait_for_none(left);
    run_job(p, jobs, index - preparing.parts, &q, worker);
  });
}

}  // namespace

void detail::gemm_with(const Int8Tiles& int8, const PackedGemm& problem) {
  if (problem.m == 0 || problem.weight->n == 0) return;
  const PackedProduct p(int8, problem);
  const Jobs jobs(p);
  if (p.w.dtype == DType::i8) {
    multiply_int8(p, jobs);
  } else {
    parallel_for(jobs.count(),
                 [&](size_t index, Worker& worker) { run_job(p, jobs, index, nullptr, worker); });
  }
}

void gemm(const PackedGemm& problem) {
  detail::gemm_with(int8_tiles(problem.weight->kernels), problem);
}

}  // namespace athanor
