// What cpu/gemm.cpp needs of an instruction set: register tiles, packing, and dot products for few rows.
#pragma once

#include <stddef.h>

namespace athanor {

// One register tile: C (rows, columns) = scale A B, plus C when `add`, plus bias when given. A is read
// element by element, so any pair of strides will do; B in whole vectors.
struct Tile {
  size_t k;
  const float* a;
  size_t a_row, a_step;  // strides from row to row and from k to k
  const float* b;        // (k, vectors * width), rows b_step apart
  size_t b_step;
  float* c;
  size_t ldc;
  size_t columns;  // those wanted, at most vectors * width and more than (vectors - 1) * width
  const float* bias;
  float scale;
  bool add;
};

// C (m, n) = scale A B^T, plus C when `add`, plus bias: A is (m, k) and B (n, k), both by rows.
struct Dots {
  size_t m, n, k;
  const float* a;
  size_t lda;
  const float* b;
  size_t ldb;
  float* c;
  size_t ldc;
  const float* bias;
  float scale;
  bool add;
};

constexpr size_t most_tile_rows = 9;
constexpr size_t most_tile_vectors = 3;

struct GemmTiles {
  size_t width;                                                  // floats in a vector
  size_t rows;                                                   // the tallest tile
  size_t vectors;                                                // the widest tile
  void (*tile[most_tile_vectors][most_tile_rows])(const Tile&);  // [vectors - 1][rows - 1]

  // packed (k, vectors * width) from source (k, columns), zero beyond the columns.
  void (*pack)(float* packed, const float* source, size_t ld, size_t k, size_t columns, size_t vectors);
  // The same from source (columns, k).
  void (*pack_transposed)(float* packed, const float* source, size_t ld, size_t k, size_t columns,
                          size_t vectors);
  // packed (k, rows) from source (k, rows).
  void (*pack_narrow)(float* packed, const float* source, size_t ld, size_t k, size_t rows);

  void (*dots)(const Dots&);
};

}  // namespace athanor
