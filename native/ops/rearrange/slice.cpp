// The op `slice`: arguments x, dim, begin, end: indices [begin, end) of one dimension, any dtype. A range of
// the first dimension, and of the columns of a matrix, is a view; others are copied. Gradient: dy in a field
// of zeros.
#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_rank(input, "x", 1, 4);
  const View x = input->view;
  const int dim = static_cast<int>(c.integer(1, "dim", 0, x.shape.rank - 1));
  const int64_t begin = c.integer(2, "begin", 0, x.shape[dim]);
  const int64_t end = c.integer(3, "end", begin, x.shape[dim]);
  View y;
  if (is_view_along(x, dim)) {
    y = range_of(x, dim, begin, end);
  } else {
    Shape shape = x.shape;
    shape.dims[dim] = end - begin;
    y = c.make(x.dtype, shape);
    c.run({x}, {y}, [=](Execution& e) { copy_range(e, y, x, dim, begin); });
  }
  c.result(y);
  const Shape shape = x.shape;
  c.record({input}, {}, [=](Backward& b) {
    View dy = b.gradient(0);
    View dx = b.make(dy.dtype, shape);
    b.run({dy}, {dx}, [=](Execution& e) {
      copy_along(e, dx, dim, 0, begin, View());
      copy_along(e, dx, dim, begin, end - begin, dy);
      copy_along(e, dx, dim, end, shape[dim] - end, View());
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_slice{"slice", call, nullptr};

}  // namespace athanor
