// The op `cast`: arguments x, dtype (the number of dtype.h). Any shape; to the dtype it has, x itself.
// Gradient: between f32 and bf16 it passes unchanged; on the CPU it is f32 whatever the dtype of x, on CUDA
// it has the dtype of x, or is f32 for a leaf. Integers have none.
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
  const DType from = input->view.dtype;
  c.record({input}, {}, [from](Backward& b) {
    const View& dy = b.gradient(0);
    const bool cuda = dy.storage->device.kind() == DeviceKind::cuda;
    const DType wanted = cuda ? b.gradient_dtype(0, from) : DType::f32;
    b.set(0, dy.dtype == wanted ? dy : convert(b, b.contiguous(dy), wanted));
  });
}

}  // namespace

extern const Op op_cast{"cast", call, nullptr};

}  // namespace athanor
