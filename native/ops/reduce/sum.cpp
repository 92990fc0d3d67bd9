// The ops `sum` and `mean`. Arguments: x, dimension (-1: all), keepDims. A mean over nothing is NaN.
#include "ops/reduce/reduce.h"

namespace athanor {

namespace {

Shape reduced_shape(const Shape& from, int dimension, bool keep) {
  Shape shape;
  for (int i = 0; i < from.rank; i++) {
    bool gone = dimension < 0 || i == dimension;
    if (gone && !keep) continue;
    shape.dims[shape.rank++] = gone ? 1 : from[i];
  }
  return shape;
}

void reduce(Call& c, bool mean) {
  TensorRef input = c.tensor(0, "x");
  c.check_float(input, "x");
  View x = c.rows_of(input);
  int dimension = static_cast<int>(c.integer(1, "dimension", -1, x.shape.rank - 1));
  View y = c.make(x.dtype, reduced_shape(x.shape, dimension, c.flag(2, "keepDims")));
  int64_t outer = 1, n = x.count(), inner = 1;
  if (dimension >= 0) {
    n = x.shape[dimension];
    for (int i = 0; i < dimension; i++) outer *= x.shape[i];
    for (int i = dimension + 1; i < x.shape.rank; i++) inner *= x.shape[i];
  }
  double scale = mean ? 1.0 / static_cast<double>(n) : 1.0;
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "sum", [&](auto device, auto zero) {
      using T = decltype(zero);
      sum_forward(device, SumForward<T>{x.data<T>(), y.data<T>(), outer, n, inner, scale});
    });
  });
  c.result(y);
  Shape shape = x.shape;
  c.record({input}, {}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make(dy.dtype, shape);
    b.run({dy}, {dx}, [=](Execution& e) {
      on_device_as(e, dy.dtype, "sum", [&](auto device, auto zero) {
        using T = decltype(zero);
        const float factor = static_cast<float>(scale);
        sum_backward(device, SumBackward<T>{dy.data<T>(), dx.data<T>(), outer, n, inner, factor});
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_sum{"sum", [](Call& c) { reduce(c, false); }, nullptr};
extern const Op op_mean{"mean", [](Call& c) { reduce(c, true); }, nullptr};

}  // namespace athanor
