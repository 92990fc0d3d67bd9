// The op `linear`: arguments x, weight, bias or 0, activation, layout. x (..., in) has one to four
// dimensions; a range of columns is read where it lies. The gradient goes through the activation once, into
// dz, of which all three gradients are made.
#include "ops/linear/linear.h"

#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {

// The activations may be used; exp, log and sqrt of function.h are none.
constexpr int32_t activation_count = static_cast<int32_t>(Function::sigmoid) + 1;

LinearSizes check(Call& c, const TensorRef& x, const TensorRef& weight, const TensorRef& bias,
                  WeightLayout layout) {
  c.check_dtype(x, "x", DType::f32);
  c.check_dtype(weight, "weight", DType::f32);
  c.check_rank(x, "x", 1, 4);
  c.check_rank(weight, "weight", 2, 2);
  const int inner = layout == WeightLayout::out_in ? 1 : 0;
  LinearSizes s{x->shape().rows(), weight->shape()[inner], weight->shape()[1 - inner], layout};
  if (x->shape().width() != s.in) {
    c.fail(ErrorCode::shape,
           "x must be (..., " + std::to_string(s.in) + ") to go with the weight, got " + x->shape().text());
  }
  if (bias) {
    c.check_dtype(bias, "bias", DType::f32);
    c.check_shape(bias, "bias", Shape{s.out});
  }
  return s;
}

// dz from dy. `kept` is what the activation's gradient needs: z, or for relu y, which has the same sign.
View through_activation(Backward& b, Function activation, const View& kept) {
  if (activation == Function::identity) return b.gradient(0);
  View dy = b.contiguous(b.gradient(0));
  View dz = b.make_like(dy);
  b.run({dy, kept}, {dz}, [=](Execution& e) {
    FunctionBackward a{activation, dy.data<float>(), kept.data<float>(),
                       nullptr,    dz.data<float>(), dz.count()};
    on_device(e, [&](auto device) { function_backward(device, a); });
  });
  return dz;
}

void backward(Backward& b, const LinearSizes& s, const View& x, const View& weight, const View& kept,
              Function activation) {
  View dz = through_activation(b, activation, kept);  // (..., out)
  if (b.needs(0)) {
    View dx = b.make(DType::f32, x.shape);
    b.run({dz, weight}, {dx}, [=](Execution& e) {
      LinearGradInput a{dz.data<float>(), dz.row_stride, weight.data<float>(), dx.data<float>(), s};
      on_device(e, [&](auto device) { linear_grad_input(device, a); });
    });
    b.set(0, dx);
  }
  if (b.needs(1)) {
    View dweight = b.make(DType::f32, weight.shape);
    b.run({dz, x}, {dweight}, [=](Execution& e) {
      LinearGradWeight a{dz.data<float>(), dz.row_stride,         x.data<float>(),
                         x.row_stride,     dweight.data<float>(), s};
      on_device(e, [&](auto device) { linear_grad_weight(device, a); });
    });
    b.set(1, dweight);
  }
  if (b.needs(2)) {
    View dbias = b.make(DType::f32, Shape{s.out});
    View partial = b.make(DType::f32, Shape{column_sum_blocks(s.rows), s.out});
    b.run({dz}, {dbias, partial}, [=](Execution& e) {
      ColumnSums a{dz.data<float>(),    dz.row_stride, partial.data<float>(),
                   dbias.data<float>(), s.rows,        s.out};
      on_device(e, [&](auto device) { column_sums(device, a); });
    });
    b.set(2, dbias);
  }
}

void call(Call& c) {
  TensorRef x_input = c.tensor(0, "x"), weight_input = c.tensor(1, "weight"),
            bias_input = c.optional(2, "bias");
  auto activation = c.choice<Function>(3, "activation", activation_count);
  auto layout = c.choice<WeightLayout>(4, "weightLayout", 2);
  const LinearSizes s = check(c, x_input, weight_input, bias_input, layout);
  View x = x_input->view, weight = c.rows_of(weight_input);
  View bias = bias_input ? c.rows_of(bias_input) : View();
  View y = c.make(DType::f32, x.shape.with_width(s.out));
  const bool recording = c.recording({x_input, weight_input, bias_input});
  const bool keeps_z = recording && activation != Function::identity && activation != Function::relu;
  View z = keeps_z ? c.make_like(y) : View();
  c.run({x, weight, bias}, {y, z}, [=](Execution& e) {
    LinearForward a{x.data<float>(), x.row_stride,    weight.data<float>(), bias.data<float>(),
                    activation,      y.data<float>(), z.data<float>(),      s};
    on_device(e, [&](auto device) { linear_forward(device, a); });
  });
  c.result(y);
  if (!recording) return;
  // x is only needed for the weight's gradient, the weight only for that of x.
  View kept = activation == Function::relu ? y : z;
  View kept_x = x, kept_weight = weight;
  if (!c.recording({weight_input})) kept_x.storage = nullptr;
  if (!c.recording({x_input})) kept_weight.storage = nullptr;
  c.record({x_input, weight_input, bias_input}, {kept_x, kept_weight, kept},
           [=](Backward& b) { backward(b, s, kept_x, kept_weight, kept, activation); });
}

}  // namespace

extern const Op op_linear{"linear", call, nullptr};

}  // namespace athanor
