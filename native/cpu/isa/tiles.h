// What cpu/gemm.cpp needs of an instruction set: register tiles, packing, and dot products for few rows.
#pragma once

#include <stddef.h>
#include <stdint.h>

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

// Against packed weights, which stream from memory: C (rows, columns) = A B + bias, plus C if `add`.
// B is read once from end to end, f32 or pairs of bf16 (packed_weight.h); while it is multiplied, `ahead`
// (what comes after it) is fetched into the cache, `ahead_step` bytes for each k. A is (rows, k) by rows.
struct StreamTile {
  size_t k;
  const float* a;
  size_t lda;
  const void* b;  // (k, vectors * width), of bf16 (k / 2, vectors * width, 2)
  float* c;
  size_t ldc;
  size_t columns;
  const float* bias;  // or null
  bool add;           // C += instead of C =
  const char* ahead;  // or null
  size_t ahead_step;
};

// 8-bit integers: C = row_scale column_scale (A B - row_zero column_sums) + bias. Four k lie side by side,
// k padded with zeros.
struct Int8Tile {
  size_t groups;     // of four k
  const uint8_t* a;  // (rows, 4 groups)
  size_t lda;
  const int8_t* b;  // (groups, vectors * width, 4)
  float* c;
  size_t ldc;
  size_t columns;
  const float* row_scale;     // (rows)
  const int32_t* row_zero;    // (rows): the integer that stands for 0
  const float* column_scale;  // (columns)
  const int32_t* column_sum;  // (columns): the sum over k
  const float* bias;          // (columns) or null
  const char* ahead;          // as above, for each group
  size_t ahead_step;
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

// [vectors - 1][rows - 1] again, against packed weights.
struct StreamTiles {
  void (*f32[most_tile_vectors][most_tile_rows])(const StreamTile&);
  void (*bf16[most_tile_vectors][most_tile_rows])(const StreamTile&);
  size_t bf16_rows;  // the tallest tile of those
  // y (k, columns) f32 from x, pairs of bf16; columns: whole vectors.
  void (*widen)(float* y, const uint16_t* x, size_t k, size_t columns);
};

// The same for 8-bit integers. Every set has one that multiplies exactly with what the set itself offers;
// a processor with dot-product instructions (VNNI) uses another.
struct Int8Tiles {
  void (*tile[most_tile_vectors][most_tile_rows])(const Int8Tile&);
  // q (k padded to 4) from x (k): x = scale (q - zero), 0 exact, over the row's own range.
  void (*quantize)(uint8_t* q, const float* x, size_t k, float* scale, int32_t* zero);
};

}  // namespace athanor
