// The op `apply`: an element-wise function of function.h, any shape. One op for all of them; ops.ts gives
// each its name.
#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  auto function = c.choice<Function>(1, "function", function_count);
  c.check_float(input, "x");
  View x = c.rows_of(input);
  View y = c.make_like(x);
  c.run({x}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "apply", [&](auto device, auto zero) {
      using T = decltype(zero);
      function_forward(device, FunctionForward<T>{function, x.data<T>(), y.data<T>(), x.count()});
    });
  });
  c.result(y);
  // exp and sqrt are cheapest from their result, all others from their argument.
  bool from_result = function == Function::exp || function == Function::sqrt;
  View kept_x = from_result ? View() : x, kept_y = from_result ? y : View();
  c.record({input}, {kept_x, kept_y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(dy);
    b.run({dy, kept_x, kept_y}, {dx}, [=](Execution& e) {
      on_device_as(e, dx.dtype, "apply", [&](auto device, auto zero) {
        using T = decltype(zero);
        FunctionBackward<T> a{function,         dy.data<T>(), kept_x.data<T>(),
                              kept_y.data<T>(), dx.data<T>(), dy.count()};
        function_backward(device, a);
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_apply{"apply", call, nullptr};

}  // namespace athanor
