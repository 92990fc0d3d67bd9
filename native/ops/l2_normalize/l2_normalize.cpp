// The op `l2_normalize`. Arguments: x, eps.
#include "ops/l2_normalize/l2_normalize.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_float(input, "x");
  c.check_rank(input, "x", 1, 4);
  float eps = static_cast<float>(c.number(1, "eps"));
  if (!(eps >= 0)) c.fail(ErrorCode::argument, "eps must be 0 or more, got " + std::to_string(eps));
  View x = c.rows_of(input);
  View y = c.make_like(x);
  View norm = c.recording({input}) ? c.make(DType::f32, {x.rows()}) : View();
  c.run({x}, {y, norm}, [=](Execution& e) {
    on_device_as(e, x.dtype, "l2_normalize", [&](auto device, auto zero) {
      using T = decltype(zero);
      l2_normalize_forward(device, L2NormalizeForward<T>{x.data<T>(), y.data<T>(), norm.data<float>(),
                                                         x.rows(), x.width(), eps});
    });
  });
  c.result(y);
  c.record({input}, {y, norm}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(y);
    b.run({dy, y, norm}, {dx}, [=](Execution& e) {
      on_device_as(e, y.dtype, "l2_normalize", [&](auto device, auto zero) {
        using T = decltype(zero);
        l2_normalize_backward(device, L2NormalizeBackward<T>{dy.data<T>(), y.data<T>(), norm.data<float>(),
                                                             dx.data<T>(), y.rows(), y.width(), eps});
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_l2_normalize{"l2_normalize", call, nullptr};

}  // namespace athanor
