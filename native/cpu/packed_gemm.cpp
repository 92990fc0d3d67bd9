// Divided as in gemm.cpp, without anything to pack, and every tile fetches its share of the panel that comes
// next. For many rows bf16 panels are widened into scratch, a block of k at a time; i8 sums run over all of
// k.
#include "cpu/packed_gemm.h"

#include <algorithm>
#include <atomic>

#include "cpu/isa/tiles.h"
#include "cpu/packed_buffer.h"

namespace athanor {

namespace {

using detail::depth_most;
using detail::divide_up;
using detail::even_jobs;
using detail::gemm_jobs;
using detail::Range;
using detail::rows_few;
using detail::rows_most;
using detail::Split;

constexpr size_t rows_in_registers = 48;  // up to here bf16 is widened in registers

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
        rows{g.m, divide_up(g.m, in_pairs() ? w.kernels.stream->bf16_rows : tiles.rows)},
        depth{w.padded_k() / w.group(), std::max<size_t>(1, divide_up(w.k, depth_most))} {}

  // Row tiles by panels, block after block of k: the part of a panel that all row tiles read comes from L2.
  // What is read next is fetched ahead, where no other rows have fetched it already. `next`: the panel that
  // this thread takes after these, most likely.
  void multiply(Range row_tiles, Range panels, size_t next, const Quantized* q, Worker& worker) const {
    const size_t blocks = q == nullptr ? depth.parts : 1, tiles_each = row_tiles.end - row_tiles.begin;
    for (size_t block = 0; block < blocks; block++) {
      for (size_t panel = panels.begin; panel < panels.end; panel++) {
        const void* b = part(panel, block);
        const void* ahead = nullptr;
        if (panel + 1 < panels.end) {
          ahead = part(panel + 1, block);
        } else {
          ahead = block + 1 < blocks ? part(panels.begin, block + 1) : part(next, 0);
        }
        if (g.m > rows_few) ahead = nullptr;
        const size_t bytes = q == nullptr ? block_bytes(panel, block) : w.panel_bytes(panel);
        const size_t share = ahead == nullptr ? 0 : divide_up(bytes, tiles_each);
        if (widens()) b = widened(panel, block, worker);
        for (size_t i = 0; i < tiles_each; i++) {
          const Ahead fetched{static_cast<const char*>(ahead) + i * share, share};
          if (q != nullptr) {
            int8_tile(panel, row_tiles.begin + i, *q, fetched);
          } else {
            float_tile(panel, row_tiles.begin + i, block, b, fetched);
          }
        }
      }
    }
  }

  const PackedGemm& g;
  const PackedWeight& w;
  const GemmTiles& tiles;
  const Int8Tiles& int8;
  const Split rows;   // over tiles
  const Split depth;  // of k in groups, over blocks

 private:
  // What a tile fetches for those after it.
  struct Ahead {
    const char* from;  // or null
    size_t bytes;
  };

  // Widening bf16 panels pays only where many rows share them.
  bool widens() const { return w.dtype == DType::bf16 && g.m > rows_in_registers; }
  bool in_pairs() const { return w.dtype == DType::bf16 && !widens(); }

  // A block of k of a panel, null beyond the last panel.
  const void* part(size_t panel, size_t block) const {
    if (panel == w.panels.parts) return nullptr;
    return w.panel(panel) + first_k(block) * wide(panel) * dtype_size(w.dtype);
  }
  size_t block_bytes(size_t panel, size_t block) const {
    return depth.size(block) * w.group() * wide(panel) * dtype_size(w.dtype);
  }
  size_t first_k(size_t block) const { return depth.begin(block) * w.group(); }
  size_t block_k(size_t block) const { return std::min(first_k(block + 1), w.k) - first_k(block); }
  size_t column(size_t panel) const { return w.panels.begin(panel) * w.width; }
  size_t wide(size_t panel) const { return w.panels.size(panel) * w.width; }
  size_t columns(size_t panel) const { return std::min(w.n - column(panel), wide(panel)); }
  const float* bias(size_t panel) const { return g.bias == nullptr ? nullptr : g.bias + column(panel); }
  float* c(size_t row_tile, size_t panel) const { return g.c + rows.begin(row_tile) * g.ldc + column(panel); }

  const float* widened(size_t panel, size_t block, Worker& worker) const {
    float* to = worker.floats(block_k(block) * wide(panel), 3);
    const uint16_t* from = static_cast<const uint16_t*>(part(panel, block));
    w.kernels.stream->widen(to, from, block_k(block), wide(panel));
    return to;
  }

  void float_tile(size_t panel, size_t row_tile, size_t block, const void* b, Ahead ahead) const {
    StreamTile t{};
    t.k = block_k(block);
    t.a = g.a + rows.begin(row_tile) * g.lda + first_k(block);
    t.lda = g.lda;
    t.b = b;
    t.c = c(row_tile, panel);
    t.ldc = g.ldc;
    t.columns = columns(panel);
    const bool last = block + 1 == depth.parts;
    t.bias = last ? bias(panel) : nullptr;
    t.add = block > 0;
    t.ahead = ahead.from;
    t.ahead_step = divide_up(ahead.bytes, std::max<size_t>(1, t.k));
    const StreamTiles& stream = *w.kernels.stream;
    const auto& kinds = in_pairs() ? stream.bf16 : stream.f32;
    kinds[w.panels.size(panel) - 1][rows.size(row_tile) - 1](t);
    if (last) finish(row_tile, panel);
  }

  void int8_tile(size_t panel, size_t row_tile, const Quantized& q, Ahead ahead) const {
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
    t.ahead = ahead.from;
    t.ahead_step = divide_up(ahead.bytes, std::max<size_t>(1, t.groups));
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
      panels.parts = even_jobs(gemm_jobs(p.g.m, p.w.n, p.w.k, panels.total), panels.total);
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
  // Jobs are handed out in order.
  const size_t after = std::min(column + static_cast<size_t>(thread_count()), jobs.panels.parts);
  p.multiply({jobs.rows.begin(row), jobs.rows.begin(row + 1)}, panels, jobs.panels.begin(after), q, worker);
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
