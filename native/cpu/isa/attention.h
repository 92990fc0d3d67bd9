// What ops/attention needs of an instruction set: packing of a head's keys and values, products of a few rows
// with them, and what happens to a strip of scores between the products.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace athanor {

// C (rows, columns) = scale A B, or C += with `add`. With `row_scale`, row r is scaled by row_scale[r]
// instead and `add` means C = row_keep[r] C + row_scale[r] A B. Any rows; columns are computed in whole
// vectors of W, of which only those asked for are written.
struct HeadProduct {
  size_t rows, columns, k;
  const float* a;
  size_t a_row, a_step;  // strides from row to row and from k to k
  const float* b;        // W columns from column v W on: at b + v b_vector, rows b_step apart
  size_t b_step, b_vector;
  float* c;
  size_t ldc;
  float scale;
  const float* row_scale;  // (rows) or null
  const float* row_keep;   // (rows) or null
  bool add;
};

// A strip of scores: `rows` rows that lie `stride` apart, a multiple of W. Row r sees its first
// clamp(visible + r visible_step, 0, keys) keys; what it does not see becomes 0, up to `keys` in whole
// vectors.
struct ScoreStrip {
  float* s;
  size_t rows, keys, stride;
  ptrdiff_t visible, visible_step;
  bool whole;  // its rows see nothing but what is in the strip
  float p;     // dropout, with the element index of row r's first key: element + r element_step
  uint64_t seed, call, element, element_step;
};

// One query row against `count` rows of a cache, heads side by side in all of them.
struct CachedRow {
  size_t heads, size, count;
  const float* q;  // (heads * size)
  const float* keys;
  const float* values;
  ptrdiff_t key_stride, value_stride;
  const int32_t* rows;  // (count) of the cache, or null: 0, 1, 2, ...
  float scale;
  float* s;  // (heads, count), rows `stride` apart, a multiple of W
  size_t stride;
  float* o;                // (heads * size)
  const float* row_scale;  // (heads)
};

constexpr size_t most_group_rows = 4;  // rows whose exponentials are computed in step

struct HeadKernels {
  size_t width;  // W
  size_t rows;   // most rows of a register tile, the height of a strip

  // to (rows, columns rounded up to W), rows to_stride apart: a copy with zeros beyond the columns.
  void (*pack)(float* to, size_t to_stride, const float* from, size_t ld, size_t rows, size_t columns);
  // The transposed of (rows, columns), W rows side by side: [rows / W rounded up][columns][W], zeros beyond
  // the rows. As B of a product: b_step W, b_vector columns W.
  void (*pack_transposed)(float* to, const float* from, size_t ld, size_t rows, size_t columns);

  void (*multiply)(const HeadProduct& product);

  // Scores become exp(score - largest), then dropout. `largest` and `total` (rows) are the row's largest
  // score and sum of exponentials so far and are updated. The softmax over all keys so far times V is then
  // row_keep[r] (that before) + row_scale[r] (s V).
  void (*soften)(const ScoreStrip& strip, float* largest, float* total, float* row_keep, float* row_scale);

  // Scores become P = exp(score - lse[r]) times the dropout mask m, and dp, laid out alike, becomes
  // dS = P (dp m - delta[r]). In a whole strip P is divided by its sum, which the rounding of lse moves away
  // from 1, and delta, which may be null then, is the sum of P dp m instead. dp may be null. `mask` is
  // scratch of most_group_rows + 1 rows of `stride`, unused without dropout.
  void (*differentiate)(const ScoreStrip& strip, float* dp, const float* lse, const float* delta,
                        float* mask);

  // s = scale q . key, for each head; whole vectors of s are written, of no meaning beyond `count`.
  void (*score_cached)(const CachedRow& row);
  // o = row_scale sum_j s_j value(j), for each head; count is at least 1.
  void (*sum_cached)(const CachedRow& row);
};

}  // namespace athanor
