// The op `gated_activation`: arguments x (..., 2F), activation. Gives (..., F). ops.ts gives each activation
// its name.
#include "ops/gated_activation/gated_activation.h"

namespace athanor {

namespace {

constexpr int32_t activation_count = static_cast<int32_t>(Function::sigmoid) + 1;

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  auto activation = c.choice<Function>(1, "activation", activation_count);
  c.check_float(input, "x");
  c.check_rank(input, "x", 1, 4);
  View x = input->view;  // (..., 2F)
  if (x.width() % 2 != 0) {
    c.fail(ErrorCode::shape, "x must have an even number of columns, got " + x.shape.text());
  }
  const int64_t width = x.width() / 2;
  View y = c.make(x.dtype, x.shape.with_width(width));
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "gated_activation", [&](auto device, auto zero) {
      using T = decltype(zero);
      gated_forward(device,
                    GatedForward<T>{activation, x.data<T>(), x.row_stride, y.data<T>(), y.rows(), width});
    });
  });
  c.result(y);
  c.record({input}, {x}, [=](Backward& b) {
    View dy = b.gradient(0);
    View dx = b.make(x.dtype, x.shape);
    b.run({dy, x}, {dx}, [=](Execution& e) {
      on_device_as(e, x.dtype, "gated_activation", [&](auto device, auto zero) {
        using T = decltype(zero);
        gated_backward(device, GatedBackward<T>{activation, dy.data<T>(), dy.row_stride, x.data<T>(),
                                                x.row_stride, dx.data<T>(), dy.rows(), width});
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_gated_activation{"gated_activation", call, nullptr};

}  // namespace athanor
