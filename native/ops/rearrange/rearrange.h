// Moving elements without changing them: what slice, split, concat and transpose share. Sizes and strides are
// in bytes where the type does not matter.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace athanor {

// `blocks` equal pieces of `block_bytes`, each at its stride. Without `from` zeros are written.
struct CopyBlocks {
  char* to;
  int64_t to_stride;
  const char* from;
  int64_t from_stride;
  int64_t blocks, block_bytes;
};

// Swaps two dimensions: x (outer, first, middle, second, inner) becomes y (outer, second, middle, first,
// inner). Only a matrix (outer and middle 1) may have rows further apart than they are wide: first_stride is
// in elements.
struct Transpose {
  const char* x;
  char* y;
  int64_t outer, first, middle, second, inner;
  int64_t first_stride;  // elements from one index of `first` to the next in x
  int64_t size;          // bytes of an element
};

void copy_blocks(Cpu, const CopyBlocks& a);
void copy_blocks(Cuda, const CopyBlocks& a);
void transpose_forward(Cpu, const Transpose& a);
void transpose_forward(Cuda, const Transpose& a);

// Elements between neighbours of `dim`.
int64_t inner_of(const Shape& shape, int dim);

// Whether [begin, end) of dim can be had as a view, and that view.
bool is_view_along(const View& v, int dim);
View range_of(const View& v, int dim, int64_t begin, int64_t end);

// target = v for a view v of the same shape but for dim, where it fills target's indices from `begin` on; v
// undefined: zeros, `length` of them along dim. Runs inside a command.
void copy_along(Execution& e, const View& target, int dim, int64_t begin, int64_t length, const View& v);
// Indices from `begin` on along dim, as many as target has, of v.
void copy_range(Execution& e, const View& target, const View& v, int dim, int64_t begin);

}  // namespace athanor
