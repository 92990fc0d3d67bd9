// The ops `mse` (arguments: x, target, reduction) and `bce_with_logits` (logits, target, posWeight or 0,
// reduction).
#include "ops/losses/losses.h"

#include <type_traits>

namespace athanor {

namespace {

void check_pair(Call& c, const TensorRef& x, const char* x_name, const TensorRef& target) {
  c.check_float(x, x_name);
  c.check_float(target, "target");
  c.check_same_shape(x, x_name, target, "target");
}

// f(device, zero of x's elements, zero of the target's).
template <class F>
void on_device_as_both(Execution& e, const View& x, const View& target, const char* op, const F& f) {
  on_device_as(e, x.dtype, op, [&](auto device, auto x_zero) {
    if constexpr (std::is_same_v<decltype(device), Cpu>) {
      f(device, x_zero, x_zero);
    } else if (target.dtype == DType::f32) {
      f(device, x_zero, float{});
    } else {
      f(device, x_zero, bf16{});
    }
  });
}

// mse is symmetric: the gradient of the target is that of x with the two exchanged.
template <class Forward, class BackwardOf>
void emit(Call& c, const TensorRef& x_ref, const TensorRef& target_ref, const View& weight,
          Reduction reduction, const Forward& forward, const BackwardOf& backward) {
  View x = c.rows_of(x_ref), target = c.rows_of(target_ref);
  View loss = c.make(DType::f32, reduction == Reduction::none ? x.shape : Shape());
  int64_t width = weight.defined() ? weight.count() : 1;
  const char* op = c.op;
  const void* host = target.host<char>();
  c.run({x, target, weight}, {loss}, [=](Execution& e) {
    on_device_as_both(e, x, target, op, [&](auto device, auto x_zero, auto target_zero) {
      using T = decltype(x_zero);
      using U = decltype(target_zero);
      forward(device, LossForward<T, U>{x.data<T>(), target.data<U>(), static_cast<const U*>(host),
                                        weight.data<float>(), loss.data<float>(), x.count(), width, reduction,
                                        x.shape});
    });
  });
  c.result(loss);
  c.record({x_ref, target_ref}, {x, target, weight}, [=](Backward& b) {
    View dloss = b.contiguous(b.gradient(0));
    for (int side = 0; side < 2; side++) {
      if (!b.needs(side)) continue;
      View own = side == 0 ? x : target, other = side == 0 ? target : x;
      View dx = b.make_like(own);
      // The loss is not read, but its failure (a target that is NaN) must reach the gradient.
      b.run({own, other, weight, dloss, loss}, {dx}, [=](Execution& e) {
        on_device_as_both(e, own, other, op, [&](auto device, auto own_zero, auto other_zero) {
          using T = decltype(own_zero);
          using U = decltype(other_zero);
          backward(device,
                   LossBackward<T, U>{own.data<T>(), other.data<U>(), weight.data<float>(),
                                      dloss.data<float>(), dx.data<T>(), own.count(), width, reduction});
        });
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
      [](auto device, const auto& a) { mse_forward(device, a); },
      [](auto device, const auto& a) { mse_backward(device, a); });
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
      [](auto device, const auto& a) { bce_with_logits_forward(device, a); },
      [](auto device, const auto& a) { bce_with_logits_backward(device, a); });
}

}  // namespace

extern const Op op_mse{"mse", mse_call, nullptr};
extern const Op op_bce_with_logits{"bce_with_logits", bce_call, nullptr};

}  // namespace athanor
