// The op `gated_activation`: arguments x (..., 2F), activation. Gives (..., F). ops.ts gives each activation
// its name.
#include "ops/gated_activation/gated_activation.h"

namespace athanor {

namespace {

constexpr int32_t activation_count = static_cast<int32_t>(Function::sigmoid) + 1;

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  auto activation = c.choice<Function>(1, "activation", activation_count);
  c.check_dtype(input, "x", DType::f32);
  c.check_rank(input, "x", 1, 4);
  View x = input->view;  // (..., 2F)
  if (x.width() % 2 != 0) {
    c.fail(ErrorCode::shape, "x must have an even number of columns, got " + x.shape.text());
  }
  const int64_t width = x.width() / 2;
  View y = c.make(DType::f32, x.shape.with_width(width));
  c.run({x}, {y}, [=](Execution& e) {
    GatedForward a{activation, x.data<float>(), x.row_stride, y.data<float>(), y.rows(), width};
    on_device(e, [&](auto device) { gated_forward(device, a); });
  });
  c.result(y);
  c.record({input}, {x}, [=](Backward& b) {
    View dy = b.gradient(0);
    View dx = b.make(DType::f32, x.shape);
    b.run({dy, x}, {dx}, [=](Execution& e) {
      GatedBackward a{activation,   dy.data<float>(), dy.row_stride, x.data<float>(),
                      x.row_stride, dx.data<float>(), dy.rows(),     width};
      on_device(e, [&](auto device) { gated_backward(device, a); });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_gated_activation{"gated_activation", call, nullptr};

}  // namespace athanor
