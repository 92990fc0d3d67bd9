// The ops `mse` (arguments: x, target, reduction) and `bce_with_logits` (logits, target, posWeight or 0,
// reduction).
#include "ops/losses/losses.h"

namespace athanor {

namespace {

using Forward = void (*)(Execution&, const LossForward&);
using BackwardOf = void (*)(Execution&, const LossBackward&);

void check_pair(Call& c, const TensorRef& x, const char* x_name, const TensorRef& target) {
  c.check_dtype(x, x_name, DType::f32);
  c.check_dtype(target, "target", DType::f32);
  c.check_same_shape(x, x_name, target, "target");
}

// mse is symmetric: the gradient of the target is that of x with the two exchanged.
void emit(Call& c, const TensorRef& x_ref, const TensorRef& target_ref, const View& weight,
          Reduction reduction, Forward forward, BackwardOf backward) {
  View x = c.rows_of(x_ref), target = c.rows_of(target_ref);
  View loss = c.make(DType::f32, reduction == Reduction::none ? x.shape : Shape());
  int64_t width = weight.defined() ? weight.count() : 1;
  c.run({x, target, weight}, {loss}, [=](Execution& e) {
    forward(e, {x.data<float>(), target.data<float>(), weight.data<float>(), loss.data<float>(), x.count(),
                width, reduction, x.shape});
  });
  c.result(loss);
  c.record({x_ref, target_ref}, {x, target, weight}, [=](Backward& b) {
    View dloss = b.contiguous(b.gradient(0));
    for (int side = 0; side < 2; side++) {
      if (!b.needs(side)) continue;
      View own = side == 0 ? x : target, other = side == 0 ? target : x;
      View dx = b.make_like(x);
      // The loss is not read, but its failure (a target that is NaN) must reach the gradient.
      b.run({own, other, weight, dloss, loss}, {dx}, [=](Execution& e) {
        backward(e, {own.data<float>(), other.data<float>(), weight.data<float>(), dloss.data<float>(),
                     dx.data<float>(), own.count(), width, reduction});
      });
      b.set(side, dx);
    }
  });
}

void mse_call(Call& c) {
  TensorRef x = c.tensor(0, "x"), target = c.tensor(1, "target");
  check_pair(c, x, "x", target);
  emit(
      c, x, target, View(), c.choice<Reduction>(2, "reduction", reduction_count),
      [](Execution& e, const LossForward& a) { on_device(e, [&](auto device) { mse_forward(device, a); }); },
      [](Execution& e, const LossBackward& a) {
        on_device(e, [&](auto device) { mse_backward(device, a); });
      });
}

void bce_call(Call& c) {
  TensorRef x = c.tensor(0, "logits"), target = c.tensor(1, "target"), weight = c.optional(2, "posWeight");
  check_pair(c, x, "logits", target);
  if (c.recording({target})) c.fail(ErrorCode::argument, "target must not require a gradient");
  if (weight) {
    c.check_dtype(weight, "posWeight", DType::f32);
    if (weight->shape().count() != 1) c.check_shape(weight, "posWeight", {x->shape().width()});
  }
  emit(
      c, x, target, weight ? weight->view : View(), c.choice<Reduction>(3, "reduction", reduction_count),
      [](Execution& e, const LossForward& a) {
        on_device(e, [&](auto device) { bce_with_logits_forward(device, a); });
      },
      [](Execution& e, const LossBackward& a) {
        on_device(e, [&](auto device) { bce_with_logits_backward(device, a); });
      });
}

}  // namespace

extern const Op op_mse{"mse", mse_call, nullptr};
extern const Op op_bce_with_logits{"bce_with_logits", bce_call, nullptr};

}  // namespace athanor
