// y[i] = x[index[i]] over the first dimension, and the gradient of such row look-ups, which embedding shares:
// dx[r] = sum of dy[i] over all i with index[i] = r. The sum runs over i in ascending order, in groups of 64,
// so that its bits do not depend on the thread count.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// Throws ERR_DATA "<op>: <name> 7<where> outside 0..4" for the first index that names no row.
struct IndexCheck {
  const char* op;
  const char* name;
  const char* where;  // " of tables[1]", or ""
};
void check_indices(Cpu, const IndexCheck& check, const int32_t* index, int64_t count, int64_t rows);
void check_indices(Cuda, const IndexCheck& check, const int32_t* index, int64_t count, int64_t rows);

struct GatherRows {
  const char* x;  // (rows, row_bytes), x_stride bytes from row to row
  int64_t x_stride;
  const int32_t* index;  // (count)
  char* y;               // (count, row_bytes)
  int64_t count, rows, row_bytes;
  IndexCheck check;
};

struct ScatterRows {
  const int32_t* index;  // (count)
  const float* dy;       // (count, width), ld_dy elements from row to row
  float* dx;             // (rows, width)
  bool accumulate;       // adds to dx, of which only the rows looked up are touched; otherwise overwrites it
  int32_t* starts;       // (rows + 1) scratch: where each row's positions begin in order
  int32_t* order;        // (count) scratch: the positions, sorted by row
  int64_t count, rows, width, ld_dy;
  int64_t zero_row;  // a row whose gradient stays zero (padding), or -1
  IndexCheck check;
};

void gather_rows_forward(Cpu, const GatherRows& a);
void gather_rows_forward(Cuda, const GatherRows& a);
void scatter_rows(Cpu, const ScatterRows& a);
void scatter_rows(Cuda, const ScatterRows& a);

// Puts the gradient of a look-up in a table of `shape` (rows, ...) on the queue. `dy` (..., width) has one
// row for each element of `index`.
View scatter_rows_of(Emitter& e, const View& dy, const View& index, const Shape& shape, int64_t zero_row,
                     const IndexCheck& check);
// The same, added to `dx` (rows, ...): a gradient that is there already.
void add_scattered_rows(Emitter& e, const View& dx, const View& dy, const View& index, int64_t zero_row,
                        const IndexCheck& check);

}  // namespace athanor
