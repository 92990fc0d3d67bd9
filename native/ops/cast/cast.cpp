// The op `cast`: arguments x, dtype (the number of dtype.h). Any shape; to the dtype it has, x itself.
// Gradient: between f32 and bf16 it passes unchanged, and is f32 whatever the dtype of x; integers have none.
#include "ops/cast/cast.h"

namespace athanor {

namespace {

View convert(Emitter& emitter, const View& x, DType dtype) {
  View y = emitter.make(dtype, x.shape);
  emitter.run({x}, {y}, [=](Execution& e) {
    Cast a{x.data<void>(), x.dtype, y.data<void>(), y.dtype, x.count()};
    on_device(e, [&](auto device) { cast_forward(device, a); });
  });
  return y;
}

bool differentiable(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16;
}

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  const DType dtype = c.choice<DType>(1, "dtype", dtype_count);
  c.result(dtype == input->view.dtype ? input->view : convert(c, c.rows_of(input), dtype));
  if (!differentiable(dtype)) return;
  c.record({input}, {}, [](Backward& b) {
    const View& dy = b.gradient(0);
    b.set(0, dy.dtype == DType::f32 ? dy : convert(b, b.contiguous(dy), DType::f32));
  });
}

}  // namespace

extern const Op op_cast{"cast", call, nullptr};

}  // namespace athanor
