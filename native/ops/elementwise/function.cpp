// The op `apply`: an element-wise function of function.h, any shape. One op for all of them; ops.ts gives
// each its name.
#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  auto function = c.choice<Function>(1, "function", function_count);
  c.check_dtype(input, "x", DType::f32);
  View x = c.rows_of(input);
  View y = c.make_like(x);
  c.run({x}, {y}, [=](Execution& e) {
    FunctionForward a{function, x.data<float>(), y.data<float>(), x.count()};
    on_device(e, [&](auto device) { function_forward(device, a); });
  });
  c.result(y);
  // exp and sqrt are cheapest from their result, all others from their argument.
  bool from_result = function == Function::exp || function == Function::sqrt;
  View kept_x = from_result ? View() : x, kept_y = from_result ? y : View();
  c.record({input}, {kept_x, kept_y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(dy);
    b.run({dy, kept_x, kept_y}, {dx}, [=](Execution& e) {
      FunctionBackward a{function,         dy.data<float>(), kept_x.data<float>(), kept_y.data<float>(),
                         dx.data<float>(), dy.count()};
      on_device(e, [&](auto device) { function_backward(device, a); });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_apply{"apply", call, nullptr};

}  // namespace athanor
