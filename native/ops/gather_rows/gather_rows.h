// y[i] = x[index[i]] over the first dimension, and the gradient of such row look-ups, which embedding shares:
// dx[r] = sum of dy[i] over all i with index[i] = r. The sum runs over i in ascending order, in groups of 64,
// so that its bits do not depend on the thread count.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "ops/op.h"

namespace athanor {

// Throws ERR_DATA "<op>: <name> 7<where> outside 0..4" for the first index that names no row.
struct IndexCheck {
  const char* op;
  const char* name;
  const char* where;  // " of tables[1]", or ""
};
[[noreturn]] void fail_index(const IndexCheck& check, int32_t index, int64_t rows);

// On CUDA the host's copy is read or, where there is none, the indices are gone through on the GPU and the
// stream waited for: no kernel ever looks up a row that does not exist.
void check_indices(Cpu, const IndexCheck& check, Indices index, int64_t count, int64_t rows);
void check_indices(Cuda, const IndexCheck& check, Indices index, int64_t count, int64_t rows);

struct GatherRows {
  const char* x;  // (rows, row_bytes), x_stride bytes from row to row
  int64_t x_stride;
  Indices index;  // (count)
  char* y;        // (count, row_bytes)
  int64_t count, rows, row_bytes;
  IndexCheck check;
};

// T: f32, or bf16 on CUDA; G: f32, or T.
template <class T, class G>
struct ScatterRows {
  Indices index;    // (count)
  const T* dy;      // (count, width), ld_dy elements from row to row
  G* dx;            // (rows, width)
  bool accumulate;  // adds to dx, of which only the rows looked up are touched; otherwise overwrites it
  int32_t* starts;  // (rows + 1) scratch: where each row's positions begin in order
  int32_t* order;   // (count) scratch: the positions, sorted by row
  int64_t count, rows, width, ld_dy;
  int64_t zero_row;  // a row whose gradient stays zero (padding), or -1
  IndexCheck check;
};

void gather_rows_forward(Cpu, const GatherRows& a);
void gather_rows_forward(Cuda, const GatherRows& a);
void scatter_rows(Cpu, const ScatterRows<float, float>& a);
template <class T, class G>
void scatter_rows(Cuda, const ScatterRows<T, G>& a);

// Puts the gradient of a look-up in a table of `shape` (rows, ...) on the queue, with elements of `dtype`:
// f32, or that of `dy`. `dy` (..., width) has one row for each element of `index`.
View scatter_rows_of(Emitter& e, const View& dy, const View& index, DType dtype, const Shape& shape,
                     int64_t zero_row, const IndexCheck& check);
// The same, added to `dx` (rows, ...): a gradient that is there already.
void add_scattered_rows(Emitter& e, const View& dx, const View& dy, const View& index, int64_t zero_row,
                        const IndexCheck& check);

}  // namespace athanor
