// The register tiles of the matrix product and the packing of its operands.
//
// A tile of R rows and V vectors keeps R V accumulators in registers; per step of k it loads V vectors of B
// and broadcasts R elements of A. Every loop over accumulators must be unrolled, zeroing and storing
// included, or g++ keeps them on the stack.
#include "cpu/isa/tiles.h"

#include "cpu/isa/isa.h"
#include "cpu/isa/transpose.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {

void dots(const Dots& d);

namespace {

// 9x3 accumulators, 3 vectors of B and a broadcast fill the 32 registers of AVX-512; 6x2 the 16 of AVX2 and
// SSE.
#if defined(__AVX512F__)
constexpr int tile_rows = 9, tile_vectors = 3;
#elif defined(__aarch64__)
constexpr int tile_rows = 8, tile_vectors = 3;
#else
constexpr int tile_rows = 6, tile_vectors = 2;
#endif

template <int R, int V>
void store_edge(const Tile& t, const float (&product)[R][V * W]) {
  for (int r = 0; r < R; r++) {
    float* c = t.c + r * t.ldc;
    for (size_t j = 0; j < t.columns; j++) {
      float value = product[r][j] * t.scale;
      if (t.add) value += c[j];
      if (t.bias != nullptr) value += t.bias[j];
      c[j] = value;
    }
  }
}

template <int R, int V>
void tile(const Tile& t) {
  constexpr int groups = (R + 2) / 3;  // three rows share a pointer: base, base + row, base + 2 row
  vf sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = vf{};
  }
  // Writing C would wait for its lines to come.
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) __builtin_prefetch(t.c + r * t.ldc + v * W, 1, 3);
  }
  const float* a[groups];
  size_t a_row = t.a_row, a_step = t.a_step, b_step = t.b_step;
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) a[g] = t.a + 3 * g * a_row;
  const float* b = t.b;
  for (size_t k = t.k; k > 0; k--) {
    vf vector[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) vector[v] = load(b + v * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      vf element = splat(a[r / 3][r % 3 * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] += element * vector[v];
    }
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) a[g] += a_step;
    b += b_step;
  }
  if (t.columns < V * W) {
    float product[R][V * W];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) store(&product[r][v * W], sum[r][v]);
    }
    return store_edge<R, V>(t, product);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    float* c = t.c + r * t.ldc;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      vf value = sum[r][v] * t.scale;
      if (t.add) value += load(c + v * W);
      if (t.bias != nullptr) value += load(t.bias + v * W);
      store(c + v * W, value);
    }
  }
}

void pack(float* packed, const float* source, size_t ld, size_t k, size_t columns, size_t vectors) {
  for (size_t i = 0; i < k; i++) {
    const float* row = source + i * ld;
    for (size_t v = 0; v < vectors; v++) {
      size_t begin = v * W;
      vf value = begin + W <= columns ? load(row + begin) : load_part(row + begin, columns - begin);
      store(packed + begin, value);
    }
    packed += vectors * W;
  }
}

// One vector of columns: W rows of the source become the W lanes.
void pack_transposed_vector(float* packed, size_t step, const float* source, size_t ld, size_t k,
                            size_t lanes) {
  size_t i = 0;
  if (lanes == W) {
    for (; i + W <= k; i += W) {
      vf v[W];
#pragma GCC unroll 16
      for (int r = 0; r < W; r++) v[r] = load(source + r * ld + i);
      transpose(v);
#pragma GCC unroll 16
      for (int r = 0; r < W; r++) store(packed + (i + r) * step, v[r]);
    }
  }
  for (; i < k; i++) {
    for (size_t r = 0; r < W; r++) packed[i * step + r] = r < lanes ? source[r * ld + i] : 0.0f;
  }
}

void pack_transposed(float* packed, const float* source, size_t ld, size_t k, size_t columns,
                     size_t vectors) {
  for (size_t v = 0; v < vectors; v++) {
    size_t begin = v * W;
    size_t lanes = begin + W <= columns ? W : columns - begin;
    pack_transposed_vector(packed + begin, vectors * W, source + begin * ld, ld, k, lanes);
  }
}

// Whole vectors where they neither read beyond the next row of the source nor write beyond the end of
// `packed` (they spoil the start of the next packed row, which comes later); the exact count in the last
// rows.
void pack_narrow(float* packed, const float* source, size_t ld, size_t k, size_t rows) {
  size_t last_rows = (W + rows - 1) / rows;
  size_t whole = rows <= W && ld >= W && k > last_rows ? k - last_rows : 0;
  for (size_t i = 0; i < whole; i++) store(packed + i * rows, load(source + i * ld));
  for (size_t i = whole; i < k; i++) memcpy(packed + i * rows, source + i * ld, rows * sizeof(float));
}

}  // namespace

#define ATHANOR_TILES(V) \
  { tile<1, V>, tile<2, V>, tile<3, V>, tile<4, V>, tile<5, V>, tile<6, V>, ATHANOR_TALL_TILES(V) }
#if defined(__AVX512F__)
#define ATHANOR_TALL_TILES(V) tile<7, V>, tile<8, V>, tile<9, V>
#elif defined(__aarch64__)
#define ATHANOR_TALL_TILES(V) tile<7, V>, tile<8, V>, nullptr
#else
#define ATHANOR_TALL_TILES(V) nullptr, nullptr, nullptr
#endif

const GemmTiles gemm_tiles = {
    W,
    tile_rows,
    tile_vectors,
    {
        ATHANOR_TILES(1),
        ATHANOR_TILES(2),
#if defined(__AVX512F__) || defined(__aarch64__)
        ATHANOR_TILES(3),
#else
        {nullptr},
#endif
    },
    pack,
    pack_transposed,
    pack_narrow,
    dots,
};

}  // namespace ATHANOR_ISA
}  // namespace athanor
