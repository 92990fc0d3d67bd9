// The op `cross_entropy`. Arguments: logits, labels, weight (0: none), ignoreIndex, labelSmoothing,
// reduction.
#include "ops/cross_entropy/cross_entropy.h"

namespace athanor {

namespace {

template <class T>
CrossEntropyRows<T> rows_of(const View& logits, Indices labels, const View& weight,
                            const CrossEntropyOptions& options) {
  return {logits.data<T>(), logits.row_stride, labels, weight.data<float>(),
          logits.rows(),    logits.width(),    options};
}

void call(Call& c) {
  TensorRef x = c.tensor(0, "logits"), t = c.tensor(1, "labels"), w = c.optional(2, "weight");
  c.check_float(x, "logits");
  c.check_rank(x, "logits", 2, 2);
  c.check_dtype(t, "labels", DType::i32);
  c.check_shape(t, "labels", {x->shape()[0]});
  if (w) {
    c.check_dtype(w, "weight", DType::f32);
    c.check_shape(w, "weight", {x->shape()[1]});
  }
  CrossEntropyOptions options;
  options.ignore_index = c.integer(3, "ignoreIndex");
  double smoothing = c.number(4, "labelSmoothing");
  if (!(smoothing >= 0 && smoothing <= 1)) {
    c.fail(ErrorCode::argument, "labelSmoothing must be 0 to 1, got " + std::to_string(smoothing));
  }
  options.smoothing = static_cast<float>(smoothing);
  options.reduction = c.choice<Reduction>(5, "reduction", reduction_count);

  View logits = x->view, labels = t->view, weight = w ? w->view : View();  // (N, V), (N), (V)
  const int32_t* host = labels.host<int32_t>();
  View loss = c.make(DType::f32, options.reduction == Reduction::none ? labels.shape : Shape());
  View statistics = c.recording({x}) ? c.make(DType::f32, {logits.rows(), 2}) : View();
  c.run({logits, labels, weight}, {loss, statistics}, [=](Execution& e) {
    on_device_as(e, logits.dtype, "cross_entropy", [&](auto device, auto zero) {
      using T = decltype(zero);
      cross_entropy_forward(device,
                            CrossEntropyForward<T>{rows_of<T>(logits, labels.indices(host), weight, options),
                                                   loss.data<float>(), statistics.data<float>()});
    });
  });
  c.result(loss);
  c.record({x}, {logits, labels, weight, statistics}, [=](Backward& b) {
    View dloss = b.contiguous(b.gradient(0));
    View dlogits = b.make(logits.dtype, logits.shape);
    b.run({logits, labels, weight, statistics, dloss}, {dlogits}, [=](Execution& e) {
      on_device_as(e, logits.dtype, "cross_entropy", [&](auto device, auto zero) {
        using T = decltype(zero);
        cross_entropy_backward(device, CrossEntropyBackward<T>{
                                           rows_of<T>(logits, labels.indices(host), weight, options),
                                           statistics.data<float>(), dloss.data<float>(), dlogits.data<T>()});
      });
    });
    b.set(0, dlogits);
  });
}

}  // namespace

extern const Op op_cross_entropy{"cross_entropy", call, nullptr};

}  // namespace athanor
