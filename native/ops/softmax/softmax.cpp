// The ops `softmax` and `log_softmax` (argument: x) and `logsumexp` (arguments: x, keepDims).
#include "ops/softmax/softmax.h"

namespace athanor {

namespace {

TensorRef rows_argument(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_float(input, "x");
  c.check_rank(input, "x", 1, 4);
  return input;
}

// Both keep their result and nothing else.
void softmax_call(Call& c, bool logarithm) {
  TensorRef input = rows_argument(c);
  View x = c.rows_of(input);
  View y = c.make_like(x);
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "softmax", [&](auto device, auto zero) {
      using T = decltype(zero);
      const SoftmaxRows<T> a{x.data<T>(), y.data<T>(), x.rows(), x.width()};
      logarithm ? log_softmax_forward(device, a) : softmax_forward(device, a);
    });
  });
  c.result(y);
  c.record({input}, {y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(y);
    b.run({dy, y}, {dx}, [=](Execution& e) {
      on_device_as(e, y.dtype, "softmax", [&](auto device, auto zero) {
        using T = decltype(zero);
        const SoftmaxGradient<T> a{dy.data<T>(), y.data<T>(), dx.data<T>(), y.rows(), y.width()};
        logarithm ? log_softmax_backward(device, a) : softmax_backward(device, a);
      });
    });
    b.set(0, dx);
  });
}

void logsumexp_call(Call& c) {
  TensorRef input = rows_argument(c);
  View x = c.rows_of(input);
  Shape shape = x.shape.with_width(1);
  if (!c.flag(1, "keepDims")) shape.rank--;
  View y = c.make(DType::f32, shape);
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "logsumexp", [&](auto device, auto zero) {
      using T = decltype(zero);
      logsumexp_forward(device, LogsumexpRows<T>{x.data<T>(), y.data<float>(), x.rows(), x.width()});
    });
  });
  c.result(y);
  c.record({input}, {x, y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(x);
    b.run({dy, x, y}, {dx}, [=](Execution& e) {
      on_device_as(e, x.dtype, "logsumexp", [&](auto device, auto zero) {
        using T = decltype(zero);
        logsumexp_backward(device, LogsumexpGradient<T>{dy.data<float>(), x.data<T>(), y.data<float>(),
                                                        dx.data<T>(), x.rows(), x.width()});
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_softmax{"softmax", [](Call& c) { softmax_call(c, false); }, nullptr};
extern const Op op_log_softmax{"log_softmax", [](Call& c) { softmax_call(c, true); }, nullptr};
extern const Op op_logsumexp{"logsumexp", logsumexp_call, nullptr};

}  // namespace athanor
