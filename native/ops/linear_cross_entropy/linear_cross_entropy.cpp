// The op `linear_cross_entropy`. Arguments: x, weight, bias (0: none), labels, ignoreIndex, labelSmoothing,
// reduction, scale.
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace athanor {

namespace {

struct Inputs {
  View x, weight, bias, labels;
  float scale;
  CrossEntropyOptions options;
};

// The two parts of the workspace.
View gathered_rows(Emitter& e, const Inputs& in) {
  return e.make(DType::f32, {in.x.rows(), in.x.width()});
}
View logits_block(Emitter& e, const Inputs& in) {
  const int64_t rows = in.x.rows(), classes = in.weight.shape[0];
  // Fewer rows have wider blocks, but never more than this.
  const int64_t floats = std::max(vocabulary_block_logits, rows * vocabulary_block_least);
  return e.make(DType::f32, {std::min(floats, rows * classes)});
}

LinearCrossEntropyInput pointers(const Inputs& in, const View& gathered, const View& logits) {
  LinearCrossEntropyInput a{};
  a.x = in.x.data<float>(), a.x_stride = in.x.row_stride;
  a.weight = in.weight.data<float>(), a.bias = in.bias.data<float>();
  a.labels = in.labels.data<int32_t>();
  a.rows = in.x.rows(), a.width = in.x.width(), a.classes = in.weight.shape[0];
  a.scale = in.scale, a.options = in.options;
  a.gathered = gathered.data<float>(), a.logits = logits.data<float>();
  return a;
}

void gradient(Backward& b, const Inputs& in, const View& statistics) {
  View dloss = b.contiguous(b.gradient(0));
  View dx = b.needs(0) ? b.make(DType::f32, in.x.shape) : View();
  View dweight = b.needs(1) ? b.make(DType::f32, in.weight.shape) : View();
  View dbias = b.needs(2) ? b.make(DType::f32, in.bias.shape) : View();
  View gathered = gathered_rows(b, in), logits = logits_block(b, in);
  View dgathered = b.needs(0) ? gathered_rows(b, in) : View();
  b.run({in.x, in.weight, in.bias, in.labels, statistics, dloss},
        {dx, dweight, dbias, gathered, dgathered, logits}, [=](Execution& e) {
          LinearCrossEntropyBackward a{};
          a.in = pointers(in, gathered, logits);
          a.statistics = statistics.data<float>();
          a.dloss = dloss.data<float>();
          a.dx = dx.data<float>(), a.dgathered = dgathered.data<float>();
          a.dweight = dweight.data<float>(), a.dbias = dbias.data<float>();
          on_device(e, [&](auto device) { linear_cross_entropy_backward(device, a); });
        });
  if (b.needs(0)) b.set(0, dx);
  if (b.needs(1)) b.set(1, dweight);
  if (b.needs(2)) b.set(2, dbias);
}

void check(const Call& c, const TensorRef& x, const TensorRef& weight, const TensorRef& bias,
           const TensorRef& labels) {
  c.check_dtype(x, "x", DType::f32);
  c.check_rank(x, "x", 2, 2);
  c.check_dtype(weight, "weight", DType::f32);
  c.check_rank(weight, "weight", 2, 2);
  c.check_shape(weight, "weight", {weight->shape()[0], x->shape()[1]});
  if (bias) {
    c.check_dtype(bias, "bias", DType::f32);
    c.check_shape(bias, "bias", {weight->shape()[0]});
  }
  c.check_dtype(labels, "labels", DType::i32);
  c.check_shape(labels, "labels", {x->shape()[0]});
}

void call(Call& c) {
  TensorRef x = c.tensor(0, "x"), weight = c.tensor(1, "weight"), bias = c.optional(2, "bias");
  TensorRef labels = c.tensor(3, "labels");
  check(c, x, weight, bias, labels);
  Inputs in{x->view, c.rows_of(weight), bias ? c.rows_of(bias) : View(), c.rows_of(labels), 1.0f, {}};
  in.options.ignore_index = c.integer(4, "ignoreIndex");
  const double smoothing = c.number(5, "labelSmoothing");
  if (!(smoothing >= 0 && smoothing <= 1)) {
    c.fail(ErrorCode::argument, "labelSmoothing must be 0 to 1, got " + std::to_string(smoothing));
  }
  in.options.smoothing = static_cast<float>(smoothing);
  in.options.reduction = c.choice<Reduction>(6, "reduction", reduction_count);
  in.scale = static_cast<float>(c.number(7, "scale"));

  View loss =
      c.make(DType::f32, in.options.reduction == Reduction::none ? in.labels.shape : Shape());
  const bool recording = c.recording({x, weight, bias});
  View statistics = recording ? c.make(DType::f32, {in.x.rows(), 2}) : View();
  View gathered = gathered_rows(c, in), logits = logits_block(c, in);
  c.run({in.x, in.weight, in.bias, in.labels}, {loss, statistics, gathered, logits}, [=](Execution& e) {
    LinearCrossEntropyForward a{pointers(in, gathered, logits), loss.data<float>(),
                                statistics.data<float>()};
    on_device(e, [&](auto device) { linear_cross_entropy_forward(device, a); });
  });
  c.result(loss);
  c.record({x, weight, bias}, {in.x, in.weight, in.bias, in.labels, statistics},
           [=](Backward& b) { gradient(b, in, statistics); });
}

}  // namespace

extern const Op op_linear_cross_entropy{"linear_cross_entropy", call, nullptr};

}  // namespace athanor
