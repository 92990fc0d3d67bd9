// The op `dropout`: arguments x, p, seed (two), call (two).
#include "ops/dropout/dropout.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  const float p = static_cast<float>(c.number(1, "p"));
  const uint64_t seed = c.bits(2, "seed"), number = c.bits(4, "call");
  c.check_float(input, "x");
  if (!(p >= 0.0f && p < 1.0f)) {
    c.fail(ErrorCode::argument, "p must be at least 0 and below 1, got " + std::to_string(p));
  }
  if (p == 0.0f) {
    c.result(input->view);
    c.record({input}, {}, [](Backward& b) { b.set(0, b.gradient(0)); });
    return;
  }
  View x = c.rows_of(input);
  View y = c.make_like(x);
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "dropout", [&](auto device, auto zero) {
      using T = decltype(zero);
      dropout_forward(device, Dropout<T>{x.data<T>(), y.data<T>(), x.count(), p, seed, number});
    });
  });
  c.result(y);
  c.record({input}, {}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(dy);
    b.run({dy}, {dx}, [=](Execution& e) {
      on_device_as(e, dy.dtype, "dropout", [&](auto device, auto zero) {
        using T = decltype(zero);
        dropout_backward(device, Dropout<T>{dy.data<T>(), dx.data<T>(), dy.count(), p, seed, number});
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_dropout{"dropout", call, nullptr};

}  // namespace athanor
