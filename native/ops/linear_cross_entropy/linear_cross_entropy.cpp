// The op `linear_cross_entropy`. Arguments: x, weight, bias (0: none), labels, ignoreIndex, labelSmoothing,
// reduction, scale.
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace athanor {

namespace {

struct Inputs {
  View x, weight, bias, labels;
  const int32_t* host_labels;
  float scale;
  CrossEntropyOptions options;
  int64_t most;  // rows that may count
};

// Exact where the labels can be read while the call is made.
int64_t most_counted(const int32_t* label, int64_t rows, int64_t ignore_index) {
  return label == nullptr ? rows : rows - std::count(label, label + rows, ignore_index);
}

// The parts of the workspace; the first two on the CPU alone.
bool on_cpu(Emitter& e) {
  return e.queue()->device.kind() == DeviceKind::cpu;
}
View gathered_rows(Emitter& e, const Inputs& in) {
  return on_cpu(e) ? e.make(DType::f32, {in.most, in.x.width()}) : View();
}
View logits_up_to(Emitter& e, const Inputs& in, int64_t floats) {
  return e.make(DType::f32, {std::min(floats, in.most * vocabulary_row_cuda(in.weight.shape[0]))});
}
View logits_block(Emitter& e, const Inputs& in) {
  // Fewer rows have wider blocks, but never more than this.
  const int64_t floats = std::max(vocabulary_block_logits, in.most * vocabulary_block_least);
  return on_cpu(e) ? logits_up_to(e, in, floats) : View();
}

template <class T>
LinearCrossEntropyInput<T> pointers(const Inputs& in, const View& gathered, const View& logits,
                                    const View& kept) {
  LinearCrossEntropyInput<T> a{};
  a.x = in.x.data<T>(), a.x_stride = in.x.row_stride;
  a.weight = in.weight.data<T>(), a.bias = in.bias.data<T>();
  a.labels = in.labels.indices(in.host_labels);
  a.rows = in.x.rows(), a.width = in.x.width(), a.classes = in.weight.shape[0];
  a.scale = in.scale, a.options = in.options;
  a.gathered = gathered.data<float>(), a.logits = logits.data<float>();
  a.kept = kept.data<float>(), a.kept_floats = kept.defined() ? kept.count() : 0;
  return a;
}

void gradient(Backward& b, const Inputs& in, const View& statistics, const View& kept) {
  const DType dtype = in.x.dtype;
  View dloss = b.contiguous(b.gradient(0));
  View dx = b.needs(0) ? b.make(dtype, in.x.shape) : View();
  View dweight = b.needs(1) ? b.make(b.gradient_dtype(1, dtype), in.weight.shape) : View();
  View dbias = b.needs(2) ? b.make(b.gradient_dtype(2, dtype), in.bias.shape) : View();
  View gathered = gathered_rows(b, in), logits = logits_block(b, in);
  View dgathered = b.needs(0) ? gathered_rows(b, in) : View();
  b.run({in.x, in.weight, in.bias, in.labels, statistics, kept, dloss},
        {dx, dweight, dbias, gathered, dgathered, logits}, [=](Execution& e) {
          on_device_as(e, dtype, "linear_cross_entropy", [&](auto device, auto zero) {
            using T = decltype(zero);
            LinearCrossEntropyBackward<T> a{};
            a.in = pointers<T>(in, gathered, logits, kept);
            a.statistics = statistics.data<float>();
            a.dloss = dloss.data<float>();
            a.dx = dx.data<T>(), a.dgathered = dgathered.data<float>();
            a.dweight = {dweight.data<char>(), dweight.dtype}, a.dbias = {dbias.data<char>(), dbias.dtype};
            linear_cross_entropy_backward(device, a);
          });
        });
  if (b.needs(0)) b.set(0, dx);
  if (b.needs(1)) b.set(1, dweight);
  if (b.needs(2)) b.set(2, dbias);
}

void check(const Call& c, const TensorRef& x, const TensorRef& weight, const TensorRef& bias,
           const TensorRef& labels) {
  c.check_float(x, "x");
  c.check_rank(x, "x", 2, 2);
  c.check_dtype(weight, "weight", x->view.dtype);
  c.check_rank(weight, "weight", 2, 2);
  c.check_shape(weight, "weight", {weight->shape()[0], x->shape()[1]});
  if (bias) {
    c.check_dtype(bias, "bias", x->view.dtype);
    c.check_shape(bias, "bias", {weight->shape()[0]});
  }
  c.check_dtype(labels, "labels", DType::i32);
  c.check_shape(labels, "labels", {x->shape()[0]});
}

void call(Call& c) {
  TensorRef x = c.tensor(0, "x"), weight = c.tensor(1, "weight"), bias = c.optional(2, "bias");
  TensorRef labels = c.tensor(3, "labels");
  check(c, x, weight, bias, labels);
  Inputs in{x->view, c.rows_of(weight), bias ? c.rows_of(bias) : View(), c.rows_of(labels), nullptr, 1.0f, {},
            0};
  in.host_labels = in.labels.host<int32_t>();
  in.options.ignore_index = c.integer(4, "ignoreIndex");
  const double smoothing = c.number(5, "labelSmoothing");
  if (!(smoothing >= 0 && smoothing <= 1)) {
    c.fail(ErrorCode::argument, "labelSmoothing must be 0 to 1, got " + std::to_string(smoothing));
  }
  in.options.smoothing = static_cast<float>(smoothing);
  in.options.reduction = c.choice<Reduction>(6, "reduction", reduction_count);
  in.scale = static_cast<float>(c.number(7, "scale"));
  in.most = most_counted(in.host_labels, in.x.rows(), in.options.ignore_index);

  View loss = c.make(DType::f32, in.options.reduction == Reduction::none ? in.labels.shape : Shape());
  const bool recording = c.recording({x, weight, bias});
  View statistics = recording ? c.make(DType::f32, {in.x.rows(), 2}) : View();
  View kept = recording ? logits_up_to(c, in, vocabulary_kept_logits) : View();
  View gathered = gathered_rows(c, in), logits = logits_block(c, in);
  c.run({in.x, in.weight, in.bias, in.labels}, {loss, statistics, kept, gathered, logits}, [=](Execution& e) {
    on_device_as(e, in.x.dtype, "linear_cross_entropy", [&](auto device, auto zero) {
      using T = decltype(zero);
      linear_cross_entropy_forward(
          device, LinearCrossEntropyForward<T>{pointers<T>(in, gathered, logits, kept), loss.data<float>(),
                                               statistics.data<float>()});
    });
  });
  c.result(loss);
  c.record({x, weight, bias}, {in.x, in.weight, in.bias, in.labels, statistics, kept},
           [=](Backward& b) { gradient(b, in, statistics, kept); });
}

}  // namespace

extern const Op op_linear_cross_entropy{"linear_cross_entropy", call, nullptr};

}  // namespace athanor
