// The op `transpose`: arguments x, dim0, dim1: a copy with two dimensions swapped, any dtype. Gradient: the
// same swap.
#include <algorithm>

#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

View swap(Emitter& emitter, const View& x, int first, int second) {
  Shape shape = x.shape;
  std::swap(shape.dims[first], shape.dims[second]);
  View y = emitter.make(x.dtype, shape);
  emitter.run({x}, {y}, [=](Execution& e) {
    Transpose a{x.data<char>(), y.data<char>(), 1, 1, 1, 1, 1, 0, 0};
    for (int i = 0; i < first; i++) a.outer *= x.shape[i];
    a.first = x.shape[first];
    for (int i = first + 1; i < second; i++) a.middle *= x.shape[i];
    a.second = x.shape[second];
    a.inner = inner_of(x.shape, second);
    a.size = static_cast<int64_t>(dtype_size(x.dtype));
    a.first_stride = x.shape.rank == 2 ? x.row_stride : a.middle * a.second * a.inner;
    on_device(e, [&](auto device) { transpose_forward(device, a); });
  });
  return y;
}

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_rank(input, "x", 1, 4);
  const View x = input->view;
  int first = static_cast<int>(c.integer(1, "dim0", 0, x.shape.rank - 1));
  int second = static_cast<int>(c.integer(2, "dim1", 0, x.shape.rank - 1));
  if (first > second) std::swap(first, second);
  if (first == second) {
    c.result(x);
    c.record({input}, {}, [](Backward& b) { b.set(0, b.gradient(0)); });
    return;
  }
  c.result(swap(c, x, first, second));
  c.record({input}, {}, [=](Backward& b) { b.set(0, swap(b, b.gradient(0), first, second)); });
}

}  // namespace

extern const Op op_transpose{"transpose", call, nullptr};

}  // namespace athanor
