// Blocks, packs and divides a matrix product into register tiles (cpu/isa/tiles.h).
//
// Rows are split evenly over tiles of at most `rows`, columns over panels of at most `vectors` vectors, so
// there are no slow remainders. k is cut into blocks of about 768: a panel of B and a block of A then stay
// in L2. A stored by rows is read in place; A stored transposed and B are packed. The sum of an element
// runs over k in order, block after block, whatever the threads do.
//
// Up to 256 rows, a job is a group of columns: it packs its own panels. Above, every panel serves many
// jobs: the first jobs of the same parallel region pack into a shared buffer, the others wait for them and
// multiply.
#include "cpu/gemm.h"

#include <algorithm>
#include <atomic>

#include "cpu/gemm_split.h"
#include "cpu/isa/tiles.h"
#include "cpu/kernels.h"
#include "cpu/packed_buffer.h"

namespace athanor {
namespace {

using detail::depth_most;
using detail::divide_up;
using detail::Range;
using detail::rows_few;
using detail::rows_most;
using detail::Split;

constexpr size_t rows_dots = detail::rows_streamed;  // up to here weights by output are not packed at all
constexpr size_t shared_floats = 4u << 20;           // what is packed at a time

class Product {
 public:
  Product(const Kernels& kernels, const Gemm& problem)
      : kernels(kernels),
        tiles(*kernels.gemm),
        g(problem),
        rows{g.m, divide_up(g.m, tiles.rows)},
        vectors{divide_up(g.n, tiles.width), divide_up(divide_up(g.n, tiles.width), tiles.vectors)},
        depth{g.k, std::max<size_t>(1, divide_up(g.k, g.depth > 0 ? g.depth : depth_most))} {}

  // Tiles of C at row tiles x panels, for the blocks of k given. `packed`, when given, holds those panels as
  // packed_at() lays them out; otherwise each is packed when its turn comes.
  void multiply(Range tile_range, Range panel_range, Range blocks, const float* packed, Range packed_panels,
                Worker& worker) const {
    for (size_t block = blocks.begin; block < blocks.end; block++) {
      const float* a_packed = g.a_transposed ? pack_a(tile_range, block, worker) : nullptr;
      for (size_t panel = panel_range.begin; panel < panel_range.end; panel++) {
        Tile tile = panel_tile(panel, block);
        if (packed != nullptr) {
          tile.b = packed + packed_at(packed_panels, blocks.begin, panel, block);
          tile.b_step = vectors.size(panel) * tiles.width;
        } else {
          find_b(&tile, panel, block, tile_range, worker);
        }
        for (size_t row_tile = tile_range.begin; row_tile < tile_range.end; row_tile++) {
          multiply_tile(tile, tile_range, row_tile, panel, block, a_packed);
        }
      }
    }
  }

  void pack_panel(float* to, size_t panel, size_t block) const {
    size_t column = vectors.begin(panel) * tiles.width, k = depth.begin(block);
    size_t columns = std::min(g.n - column, vectors.size(panel) * tiles.width);
    if (g.b_transposed) {
      tiles.pack_transposed(to, g.b + column * g.ldb + k, g.ldb, depth.size(block), columns,
                            vectors.size(panel));
    } else {
      tiles.pack(to, g.b + k * g.ldb + column, g.ldb, depth.size(block), columns, vectors.size(panel));
    }
  }

  // Where a panel lies in a buffer of the panels of a region, block after block.
  size_t packed_at(Range panels, size_t first_block, size_t panel, size_t block) const {
    size_t first = vectors.begin(panels.begin);
    size_t all = vectors.begin(panels.end) - first;
    size_t before = (depth.begin(block) - depth.begin(first_block)) * all;
    return (before + depth.size(block) * (vectors.begin(panel) - first)) * tiles.width;
  }

  const Kernels& kernels;
  const GemmTiles& tiles;
  const Gemm& g;
  const Split rows;     // over tiles
  const Split vectors;  // of columns, over panels
  const Split depth;    // of k, over blocks

 private:
  Tile panel_tile(size_t panel, size_t block) const {
    size_t column = vectors.begin(panel) * tiles.width;
    Tile tile{};
    tile.k = depth.size(block);
    tile.c = g.c + column;
    tile.ldc = g.ldc;
    tile.columns = std::min(g.n - column, vectors.size(panel) * tiles.width);
    bool last = block + 1 == depth.parts;
    tile.bias = last && g.bias != nullptr ? g.bias + column : nullptr;
    tile.scale = g.scale;
    tile.add = g.accumulate || block > 0;
    return tile;
  }

  // B of one panel: in place when its rows are whole vectors and few rows of A share the panel, else packed.
  void find_b(Tile* tile, size_t panel, size_t block, Range tile_range, Worker& worker) const {
    size_t column = vectors.begin(panel) * tiles.width, width = vectors.size(panel) * tiles.width;
    bool few = tile_range.end - tile_range.begin <= 16;
    if (!g.b_transposed && tile->columns == width && few) {
      tile->b = g.b + depth.begin(block) * g.ldb + column;
      tile->b_step = g.ldb;
      return;
    }
    float* packed = worker.floats(depth.size(block) * width, 3);
    pack_panel(packed, panel, block);
    tile->b = packed;
    tile->b_step = width;
  }

  // A stored (k, m): the rows of the tiles side by side as [tile][k][rows]. 64 rows of k at a time stay in L1
  // while every tile takes its part of them.
  const float* pack_a(Range tile_range, size_t block, Worker& worker) const {
    size_t first = rows.begin(tile_range.begin), k = depth.size(block);
    float* packed = worker.floats((rows.begin(tile_range.end) - first) * k, 2);
    constexpr size_t strip = 64;
    for (size_t begin = 0; begin < k; begin += strip) {
      size_t count = std::min(strip, k - begin);
      const float* source = g.a + (depth.begin(block) + begin) * g.lda;
      for (size_t tile = tile_range.begin; tile < tile_range.end; tile++) {
        size_t row = rows.begin(tile), height = rows.size(tile);
        tiles.pack_narrow(packed + (row - first) * k + begin * height, source + row, g.lda, count, height);
      }
    }
    return packed;
  }

  void multiply_tile(Tile tile, Range tile_range, size_t row_tile, size_t panel, size_t block,
                     const float* a_packed) const {
    size_t row = rows.begin(row_tile), height = rows.size(row_tile);
    if (a_packed != nullptr) {
      tile.a = a_packed + (row - rows.begin(tile_range.begin)) * tile.k;
      tile.a_row = 1;
      tile.a_step = height;
    } else {
      tile.a = g.a + row * g.lda + depth.begin(block);
      tile.a_row = g.lda;
      tile.a_step = 1;
    }
    tile.c += row * g.ldc;
    tiles.tile[vectors.size(panel) - 1][height - 1](tile);
    if (block + 1 == depth.parts) finish(tile.c, height, tile.columns);
  }

 public:
  // What follows the bias, on a part of C just stored.
  void finish(float* c, size_t height, size_t columns) const {
    if (g.pre_activation == nullptr && g.activation == Function::identity && g.residual == nullptr) return;
    const size_t row = static_cast<size_t>(c - g.c) / g.ldc, column = static_cast<size_t>(c - g.c) % g.ldc;
    for (size_t r = 0; r < height; r++, c += g.ldc) {
      if (g.pre_activation != nullptr) {
        kernels.function(Function::identity, g.pre_activation + (c - g.c), c, columns);
      }
      if (g.activation != Function::identity) kernels.function(g.activation, c, c, columns);
      if (g.residual != nullptr) {
        const float* x = g.residual + (row + r) * g.ld_residual + column;
        kernels.arithmetic(Arithmetic::add, c, c, x, columns);
      }
    }
  }

  bool is_dots() const { return g.m <= rows_dots && !g.a_transposed && g.b_transposed && g.k > 0; }

  void dots(Range columns) const {
    Dots d{};
    d.m = g.m;
    d.n = columns.end - columns.begin;
    d.k = g.k;
    d.a = g.a;
    d.lda = g.lda;
    d.b = g.b + columns.begin * g.ldb;
    d.ldb = g.ldb;
    d.c = g.c + columns.begin;
    d.ldc = g.ldc;
    d.bias = g.bias == nullptr ? nullptr : g.bias + columns.begin;
    d.scale = g.scale;
    d.add = g.accumulate;
    tiles.dots(d);
    finish(d.c, g.m, d.n);
  }
};

// All of it on one worker: blocks of rows, so that a packed A stays in L2.
void multiply_alone(const Product& p, Range panels, Worker& worker) {
  size_t blocks = divide_up(p.g.m, 2 * rows_most);
  Split over{p.rows.parts, std::min(blocks, p.rows.parts)};
  for (size_t part = 0; part < over.parts; part++) {
    p.multiply({over.begin(part), over.begin(part + 1)}, panels, {0, p.depth.parts}, nullptr, {0, 0}, worker);
  }
}

// One parallel region: packs these panels for these blocks of k, then multiplies all rows with them.
void multiply_shared(const Product& p, Range panels, Range blocks, float* packed) {
  size_t threads = static_cast<size_t>(thread_count());
  size_t panel_count = panels.end - panels.begin;
  size_t pieces = panel_count * (blocks.end - blocks.begin);
  Split packing{pieces, std::min(pieces, threads * 4)};
  Split row_jobs{p.rows.parts, std::min(divide_up(p.g.m, rows_most), p.rows.parts)};
  // A transposed A is packed by each of its jobs: there, more columns to a job.
  size_t groups = divide_up(threads * (p.g.a_transposed ? 3 : 6), row_jobs.parts);
  Split column_jobs{panel_count, std::min(groups, panel_count)};
  std::atomic<size_t> waiting_for{packing.parts};
  parallel_for(packing.parts + row_jobs.parts * column_jobs.parts, [&](size_t index, Worker& worker) {
    if (index < packing.parts) {
      for (size_t piece = packing.begin(index); piece < packing.begin(index + 1); piece++) {
        size_t panel = panels.begin + piece % panel_count, block = blocks.begin + piece / panel_count;
        p.pack_panel(packed + p.packed_at(panels, blocks.begin, panel, block), panel, block);
      }
      waiting_for.fetch_sub(1, std::memory_order_release);
      return;
    }
    detail::wait_for_none(waiting_for);
    index -= packing.parts;
    size_t row = index / column_jobs.parts, column = index % column_jobs.parts;
    Range job_panels{panels.begin + column_jobs.begin(column), panels.begin + column_jobs.begin(column + 1)};
    p.multiply({row_jobs.begin(row), row_jobs.begin(row + 1)}, job_panels, blocks, packed, panels, worker);
  });
}

// As many panels and blocks of k at a time as the shared buffer holds.
void multiply_large(const Product& p) {
  size_t block_step = std::min<size_t>(p.depth.parts, 4);
  size_t panel_floats = divide_up(p.g.k, p.depth.parts) * block_step * p.tiles.vectors * p.tiles.width;
  size_t most_panels = std::max<size_t>(1, shared_floats / std::max<size_t>(1, panel_floats));
  Split regions{p.vectors.parts, divide_up(p.vectors.parts, most_panels)};
  PackedBuffer packed(panel_floats * divide_up(p.vectors.parts, regions.parts) + p.tiles.width);
  for (size_t region = 0; region < regions.parts; region++) {
    Range panels{regions.begin(region), regions.begin(region + 1)};
    for (size_t block = 0; block < p.depth.parts; block += block_step) {
      multiply_shared(p, panels, {block, std::min(block + block_step, p.depth.parts)}, packed.data());
    }
  }
}

}  // namespace

namespace detail {

void gemm_with(const Kernels& kernels, const Gemm& problem) {
  if (problem.m == 0 || problem.n == 0) return;
  Product p(kernels, problem);
  if (p.is_dots()) {
    Split jobs{problem.n, gemm_jobs(problem.m, problem.n, problem.k, divide_up(problem.n, 16))};
    parallel_for(jobs.parts, [&](size_t job, Worker&) { p.dots({jobs.begin(job), jobs.begin(job + 1)}); });
  } else if (problem.m <= rows_few || gemm_jobs(problem.m, problem.n, problem.k, 2) == 1) {
    Split jobs{p.vectors.parts, gemm_jobs(problem.m, problem.n, problem.k, p.vectors.parts)};
    parallel_for(jobs.parts, [&](size_t job, Worker& worker) {
      multiply_alone(p, {jobs.begin(job), jobs.begin(job + 1)}, worker);
    });
  } else {
    multiply_large(p);
  }
}

void gemm_serial_with(const Kernels& kernels, const Gemm& problem, Worker& worker) {
  if (problem.m == 0 || problem.n == 0) return;
  Product p(kernels, problem);
  if (p.is_dots()) {
    p.dots({0, problem.n});
  } else {
    multiply_alone(p, {0, p.vectors.parts}, worker);
  }
}

}  // namespace detail

void gemm(const Gemm& problem) {
  detail::gemm_with(kernels(), problem);
}

void gemm_serial(const Gemm& problem, Worker& worker) {
  detail::gemm_serial_with(kernels(), problem, worker);
}

}  // namespace athanor
