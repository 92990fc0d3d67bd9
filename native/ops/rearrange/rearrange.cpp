// How ranges along a dimension lie in memory: the geometry behind slice, split and concat.
#include "ops/rearrange/rearrange.h"

namespace athanor {

int64_t inner_of(const Shape& shape, int dim) {
  int64_t n = 1;
  for (int i = dim + 1; i < shape.rank; i++) n *= shape[i];
  return n;
}

bool is_view_along(const View& v, int dim) {
  return dim == 0 || (dim == 1 && v.shape.rank == 2);
}

View range_of(const View& v, int dim, int64_t begin, int64_t end) {
  return dim == 0 ? v.row_range(begin, end) : v.column_range(begin, end);
}

namespace {

// Blocks of memory that a range of `dim` falls into: one for each index of the dimensions before it.
int64_t outer_of(const Shape& shape, int dim) {
  int64_t n = 1;
  for (int i = 0; i < dim; i++) n *= shape[i];
  return n;
}

// Elements from one such block to the next.
int64_t outer_stride(const View& v, int dim) {
  return v.shape.rank == 2 && dim == 1 ? v.row_stride : v.shape[dim] * inner_of(v.shape, dim);
}

// Both views hold whole rows or, of rank 2, ranges of columns; `length` indices along dim are copied, from
// `from_begin` of v to `to_begin` of target.
void copy_part(Execution& e, const View& target, int64_t to_begin, const View& v, int64_t from_begin, int dim,
               int64_t length) {
  const int64_t size = static_cast<int64_t>(dtype_size(target.dtype)), inner = inner_of(target.shape, dim);
  const View& shaped = v.defined() ? v : target;
  CopyBlocks a{};
  int64_t to_step = inner, from_step = inner;  // from one index of dim to the next
  if (dim == 0 && target.shape.rank == 2 && (!target.contiguous() || !shaped.contiguous())) {
    // Rows apart: each is a block of its own.
    to_step = target.row_stride, from_step = shaped.row_stride;
    a.blocks = length, a.block_bytes = inner * size;
    a.to_stride = to_step * size, a.from_stride = from_step * size;
  } else {
    a.blocks = outer_of(target.shape, dim), a.block_bytes = length * inner * size;
    a.to_stride = outer_stride(target, dim) * size, a.from_stride = outer_stride(shaped, dim) * size;
  }
  a.to = target.data<char>() + to_begin * to_step * size;
  if (v.defined()) a.from = v.data<char>() + from_begin * from_step * size;
  on_device(e, [&](auto device) { copy_blocks(device, a); });
}

}  // namespace

void copy_along(Execution& e, const View& target, int dim, int64_t begin, int64_t length, const View& v) {
  copy_part(e, target, begin, v, 0, dim, length);
}

void copy_range(Execution& e, const View& target, const View& v, int dim, int64_t begin) {
  copy_part(e, target, 0, v, begin, dim, target.shape[dim]);
}

}  // namespace athanor
