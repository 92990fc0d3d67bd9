// Attention's products: small enough that nothing is blocked but into register tiles. A is read element by
// element where it lies, B in vectors from packed or plain rows (cpu/isa/attention.h).
#include "cpu/isa/isa.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

// As many accumulators as the registers hold beside the vectors of B and one element of A.
#if defined(__AVX512F__)
constexpr int most_rows = 9, most_vectors = 3;
#elif defined(__aarch64__)
constexpr int most_rows = 8, most_vectors = 3;
#else
constexpr int most_rows = 6, most_vectors = 2;
#endif

// Where a tile's results go; `first_row` is the row of row_scale and row_keep.
template <int R, int V>
ATHANOR_INLINE void finish(const HeadProduct& p, float* c, size_t columns, size_t first_row,
                           const vf (&sum)[R][V]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const float scale = p.row_scale != nullptr ? p.row_scale[first_row + r] : p.scale;
    const float keep = p.row_keep != nullptr ? p.row_keep[first_row + r] : 1.0f;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      float* to = c + r * p.ldc + v * W;
      vf value = sum[r][v] * scale;
      if (v < V - 1 || columns == V * W) {
        if (p.add) value += load(to) * keep;
        store(to, value);
      } else {
        const size_t lanes = columns - (V - 1) * W;
        if (p.add) value += load_part(to, lanes) * keep;
        store_part(to, value, lanes);
      }
    }
  }
}

// Rows from first_row on and `columns` columns, more than (V - 1) W, from first_vector W on.
template <int R, int V>
void tile(const HeadProduct& p, size_t first_row, size_t first_vector, size_t columns) {
  constexpr int groups = (R + 2) / 3;  // three rows share a pointer: base, base + row, base + 2 row
  vf sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = vf{};
  }
  const size_t a_row = p.a_row, a_step = p.a_step, b_step = p.b_step, b_vector = p.b_vector;
  const float* a[groups];
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) a[g] = p.a + (first_row + 3 * g) * a_row;
  const float* b = p.b + first_vector * b_vector;
  for (size_t k = p.k; k > 0; k--) {
    vf vector[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) vector[v] = load(b + v * b_vector);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const vf element = splat(a[r / 3][r % 3 * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] += element * vector[v];
    }
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) a[g] += a_step;
    b += b_step;
  }
  finish<R, V>(p, p.c + first_row * p.ldc + first_vector * W, columns, first_row, sum);
}

using TileFunction = void (*)(const HeadProduct& p, size_t first_row, size_t first_vector, size_t columns);

#if defined(__AVX512F__)
#define ATHANOR_TALL_TILES(V) , tile<7, V>, tile<8, V>, tile<9, V>
#elif defined(__aarch64__)
#define ATHANOR_TALL_TILES(V) , tile<7, V>, tile<8, V>
#else
#define ATHANOR_TALL_TILES(V)
#endif
#define ATHANOR_HEAD_TILES(V) \
  { tile<1, V>, tile<2, V>, tile<3, V>, tile<4, V>, tile<5, V>, tile<6, V> ATHANOR_TALL_TILES(V) }

constexpr TileFunction tiles[most_vectors][most_rows] = {
    ATHANOR_HEAD_TILES(1),
    ATHANOR_HEAD_TILES(2),
#if defined(__AVX512F__) || defined(__aarch64__)
    ATHANOR_HEAD_TILES(3),
#endif
};

// The sum over k in even pieces: the error of one that grows term by term would grow with its length.
void sum_tile(TileFunction tile, const HeadProduct& p, size_t first_row, size_t first_vector,
              size_t columns) {
  constexpr size_t most_terms = 128;
  if (p.k <= most_terms) return tile(p, first_row, first_vector, columns);
  const size_t pieces = (p.k + most_terms - 1) / most_terms;
  for (size_t i = 0; i < pieces; i++) {
    const size_t begin = i * p.k / pieces;
    HeadProduct piece = p;
    piece.k = (i + 1) * p.k / pieces - begin;
    piece.a += begin * p.a_step;
    piece.b += begin * p.b_step;
    if (i > 0) piece.add = true, piece.row_keep = nullptr;
    tile(piece, first_row, first_vector, columns);
  }
}

// Rows and vectors are split evenly, so that no tile is much smaller than the others.
void multiply(const HeadProduct& p) {
  const size_t vectors = (p.columns + W - 1) / W;
  const size_t row_parts = (p.rows + most_rows - 1) / most_rows;
  const size_t vector_parts = (vectors + most_vectors - 1) / most_vectors;
  for (size_t i = 0; i < row_parts; i++) {
    const size_t row = i * p.rows / row_parts, height = (i + 1) * p.rows / row_parts - row;
    for (size_t j = 0; j < vector_parts; j++) {
      const size_t vector = j * vectors / vector_parts, wide = (j + 1) * vectors / vector_parts - vector;
      const size_t left = p.columns - vector * W, columns = left < wide * W ? left : wide * W;
      sum_tile(tiles[wide - 1][height - 1], p, row, vector, columns);
    }
  }
}

void pack(float* to, size_t to_stride, const float* from, size_t ld, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    float* out = to + i * to_stride;
    const float* in = from + i * ld;
    for_vectors(
        columns, [&](size_t j) { store(out + j, load(in + j)); },
        [&](size_t j, size_t lanes) { store(out + j, load_part(in + j, lanes)); });
  }
}

// `lanes` rows become the lanes of `columns` vectors.
void pack_lanes(float* to, const float* from, size_t ld, size_t lanes, size_t columns) {
  for (size_t j = 0; j < columns; j += W) {
    const size_t here = columns - j < W ? columns - j : W;
    vf v[W];
    if (lanes == W && here == W) {
#pragma GCC unroll 16
      for (int r = 0; r < W; r++) v[r] = load(from + r * ld + j);
    } else {
      for (size_t r = 0; r < W; r++) {
        v[r] = r >= lanes ? vf{} : here == W ? load(from + r * ld + j) : load_part(from + r * ld + j, here);
      }
    }
    transpose(v);
    if (here == W) {
#pragma GCC unroll 16
      for (int r = 0; r < W; r++) store(to + (j + r) * W, v[r]);
    } else {
      for (size_t r = 0; r < here; r++) store(to + (j + r) * W, v[r]);
    }
  }
}

void pack_transposed(float* to, const float* from, size_t ld, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i += W) {
    pack_lanes(to + i * columns, from + i * ld, ld, rows - i < W ? rows - i : W, columns);
  }
}

}  // namespace

const HeadKernels head_kernels = {W,      most_rows,     pack,         pack_transposed, multiply,
                                  soften, differentiate, score_cached, sum_cached};

}  // namespace ATHANOR_ISA
}  // namespace athanor
