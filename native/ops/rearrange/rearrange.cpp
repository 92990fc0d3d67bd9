// How ranges along a dimension lie in memory: the geometry behind slice, split and concat.
#include "ops/rearrange/rearrange.h"

namespace athanor {

int64_t inner_of(const Shape& shape, int dim) {
  int64_t n = 1;
  for (int i = dim + 1; i < shape.rank; i++) n *= shape[i];
  return n;
}

Blocks blocks_along(const View& v, int dim) {
  Blocks b;
  for (int i = 0; i < dim; i++) b.outer *= v.shape[i];
  b.block = v.shape[dim] * inner_of(v.shape, dim);
  b.stride = v.shape.rank == 2 && dim == 1 ? v.row_stride : b.block;
  return b;
}

bool is_view_along(const View& v, int dim) { return dim == 0 || (dim == 1 && v.shape.rank == 2); }

View range_of(const View& v, int dim, int64_t begin, int64_t end) {
  return dim == 0 ? v.row_range(begin, end) : v.column_range(begin, end);
}

namespace {

// Both views hold whole rows or, of rank 2, ranges of columns; `length` indices along dim are copied, from
// `from_begin` of v to `to_begin` of target.
void copy_part(Execution& e, const View& target, int64_t to_begin, const View& v, int64_t from_begin, int dim,
               int64_t length) {
  const int64_t size = static_cast<int64_t>(dtype_size(target.dtype)), inner = inner_of(target.shape, dim);
  const View& shaped = v.defined() ? v : target;
  if (dim == 0 && target.shape.rank == 2 && (!target.contiguous() || !shaped.contiguous())) {
    // Rows apart: each row is a block of its own.
    CopyBlocks a{target.data<char>() + to_begin * target.row_stride * size, target.row_stride * size, nullptr, 0,
                 length, inner * size};
    if (v.defined()) {
      a.from = v.data<char>() + from_begin * v.row_stride * size;
      a.from_stride = v.row_stride * size;
    }
    on_device(e, [&](auto device) { copy_blocks(device, a); });
    return;
  }
  const Blocks to = blocks_along(target, dim);
  CopyBlocks a{target.data<char>() + to_begin * inner * size, to.stride * size, nullptr, 0, to.outer,
               length * inner * size};
  if (v.defined()) {
    a.from = v.data<char>() + from_begin * inner * size;
    a.from_stride = blocks_along(v, dim).stride * size;
  }
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
