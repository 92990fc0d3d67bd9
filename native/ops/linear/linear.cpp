// The op `linear`: arguments x, weight, bias or 0, activation, layout, residual or 0, weight scale or 0.
// x (..., in) has one to four dimensions; a range of columns is read where it lies. The gradient goes through
// the activation once, into dz, of which the gradients of x, weight and bias are made; the residual's is that
// of the output. Elements are f32 or, on CUDA, all bf16; a weight in bf16 or i8 under f32 ones is for
// inference.
#include "ops/linear/linear.h"

#include <memory>

#include "ops/dispatch.h"
#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {

// The activations may be used; exp, log and sqrt of function.h are none.
constexpr int32_t activation_count = static_cast<int32_t>(Function::sigmoid) + 1;

struct Inputs {
  TensorRef x, weight, bias, residual, weight_scale;
};

bool whole_storage(const View& v) {
  return v.offset == 0 && v.storage->bytes == static_cast<size_t>(v.count()) * dtype_size(v.dtype);
}

void check_weight(Call& c, const Inputs& in, const LinearSizes& s, bool recording) {
  const DType dtype = in.weight->view.dtype, activations = in.x->view.dtype;
  if (activations != DType::f32) c.check_dtype(in.weight, "weight", activations);
  if (dtype != DType::f32 && dtype != DType::bf16 && dtype != DType::i8) {
    c.fail(ErrorCode::dtype, std::string("weight must be f32, bf16 or i8, got ") + dtype_name(dtype));
  }
  if (dtype == DType::i8) {
    if (!in.weight_scale) c.fail(ErrorCode::argument, "an i8 weight needs weightScale, got none");
    c.check_dtype(in.weight_scale, "weightScale", DType::f32);
    c.check_shape(in.weight_scale, "weightScale", Shape{s.out});
    if (s.in > int8_depth_most) {
      c.fail(ErrorCode::shape, "an i8 weight must have at most " + std::to_string(int8_depth_most) +
                                   " inputs, got " + std::to_string(s.in));
    }
  } else if (in.weight_scale) {
    c.fail(ErrorCode::argument, std::string("weightScale goes with an i8 weight, got ") + dtype_name(dtype));
  }
  if (dtype == activations) return;
  if (recording) {
    c.fail(ErrorCode::dtype, std::string("gradients need an f32 weight, got ") + dtype_name(dtype));
  }
  if (!whole_storage(in.weight->view)) {
    c.fail(ErrorCode::argument,
           std::string("a weight in ") + dtype_name(dtype) + " must be a whole tensor, got a part of one");
  }
}

LinearSizes check(Call& c, const Inputs& in, WeightLayout layout, bool recording) {
  c.check_float(in.x, "x");
  c.check_rank(in.x, "x", 1, 4);
  c.check_rank(in.weight, "weight", 2, 2);
  const int inner = layout == WeightLayout::out_in ? 1 : 0;
  const Shape& weight = in.weight->shape();
  const LinearSizes s{in.x->shape().rows(), weight[inner], weight[1 - inner], layout};
  check_weight(c, in, s, recording);
  if (in.x->shape().width() != s.in) {
    c.fail(ErrorCode::shape, "x must be (..., " + std::to_string(s.in) + ") to go with the weight, got " +
                                 in.x->shape().text());
  }
  if (in.bias) {
    c.check_dtype(in.bias, "bias", in.x->view.dtype);
    c.check_shape(in.bias, "bias", Shape{s.out});
  }
  if (in.residual) {
    c.check_dtype(in.residual, "residual", in.x->view.dtype);
    c.check_shape(in.residual, "residual", in.x->shape().with_width(s.out));
  }
  return s;
}

// Calls f(device, zero of the activations' type, zero of the gradient's type).
template <class F>
void on_device_with_gradient(Execution& e, DType dtype, DType gradient, const F& f) {
  on_device_as(e, dtype, "linear", [&](auto device, auto zero) {
    if (gradient == DType::f32) return f(device, zero, float{});
    f(device, zero, zero);
  });
}

// y = activation(z), made again.
class Activated final : public OtherLayout {
 public:
  Activated(Function activation, const View& z) : activation_(activation), z_(z) {}
  size_t bytes() const override { return 0; }
  void restore(void* plain) const override {
    function_forward(Cpu{}, {activation_, z_.data<float>(), static_cast<float*>(plain), z_.count()});
  }

 private:
  const Function activation_;
  const View z_;
};

// dz from dy. `kept` is what the activation's gradient needs: z, or for relu y, which has the same sign.
View through_activation(Backward& b, Function activation, const View& kept) {
  if (activation == Function::identity) return b.gradient(0);
  View dy = b.contiguous(b.gradient(0));
  View dz = b.make_like(dy);
  b.run({dy, kept}, {dz}, [=](Execution& e) {
    on_device_as(e, dz.dtype, "linear", [&](auto device, auto zero) {
      using T = decltype(zero);
      function_backward(device, FunctionBackward<T>{activation, dy.data<T>(), kept.data<T>(), nullptr,
                                                    dz.data<T>(), dz.count()});
    });
  });
  return dz;
}

void grad_input(Backward& b, const LinearSizes& s, const View& dz, const View& weight, const Shape& shape) {
  View dx = b.make(dz.dtype, shape);
  b.run({dz, weight}, {dx}, [=](Execution& e) {
    on_device_as(e, dx.dtype, "linear", [&](auto device, auto zero) {
      using T = decltype(zero);
      linear_grad_input(device,
                        LinearGradInput<T>{dz.data<T>(), dz.row_stride, weight.data<T>(), dx.data<T>(), s});
    });
  });
  b.set(0, dx);
}

void grad_weight(Backward& b, const LinearSizes& s, const View& dz, const View& x, const Shape& shape) {
  View dweight = b.make(b.gradient_dtype(1, dz.dtype), shape);
  b.run({dz, x}, {dweight}, [=](Execution& e) {
    on_device_with_gradient(e, dz.dtype, dweight.dtype, [&](auto device, auto zero, auto gradient) {
      using T = decltype(zero);
      using G = decltype(gradient);
      linear_grad_weight(device, LinearGradWeight<T, G>{dz.data<T>(), dz.row_stride, x.data<T>(),
                                                        x.row_stride, dweight.data<G>(), s});
    });
  });
  b.set(1, dweight);
}

void grad_bias(Backward& b, const LinearSizes& s, const View& dz) {
  View dbias = b.make(b.gradient_dtype(2, dz.dtype), Shape{s.out});
  View partial = b.make(DType::f32, Shape{column_sum_blocks(s.rows), s.out});
  b.run({dz}, {dbias, partial}, [=](Execution& e) {
    on_device_with_gradient(e, dz.dtype, dbias.dtype, [&](auto device, auto zero, auto gradient) {
      using T = decltype(zero);
      using G = decltype(gradient);
      column_sums(device, ColumnSums<T, G>{dz.data<T>(), dz.row_stride, partial.data<float>(),
                                           dbias.data<G>(), s.rows, s.out});
    });
  });
  b.set(2, dbias);
}

void backward(Backward& b, const LinearSizes& s, const View& x, const View& weight, const View& kept,
              Function activation) {
  View dz = through_activation(b, activation, kept);  // (..., out)
  if (b.needs(0)) grad_input(b, s, dz, weight, x.shape);
  if (b.needs(1)) grad_weight(b, s, dz, x, weight.shape);
  if (b.needs(2)) grad_bias(b, s, dz);
}

void call(Call& c) {
  Inputs in{c.tensor(0, "x"), c.tensor(1, "weight"), c.optional(2, "bias"), c.optional(5, "residual"),
            c.optional(6, "weightScale")};
  auto activation = c.choice<Function>(3, "activation", activation_count);
  auto layout = c.choice<WeightLayout>(4, "weightLayout", 2);
  const bool recording = c.recording({in.x, in.weight, in.bias, in.residual});
  const LinearSizes s = check(c, in, layout, recording);
  View x = in.x->view, weight = c.rows_of(in.weight);
  View bias = in.bias ? c.rows_of(in.bias) : View();
  View scale = in.weight_scale ? c.rows_of(in.weight_scale) : View();
  View residual = in.residual ? in.residual->view : View();
  View y = c.make(x.dtype, x.shape.with_width(s.out));
  const bool keeps_z =
      recording && activation != Function::identity && (activation != Function::relu || residual.defined());
  View z = keeps_z ? c.make_like(y) : View();
  const bool repeats = !recording && whole_storage(weight);
  // The gradients need z and, for the weight of the next layer, y: of the two only z is kept meanwhile.
  const bool restorable = keeps_z && !residual.defined();
  const bool keeps_x = c.recording({in.weight});
  c.run_with_any_layout(weight, {x, weight, bias, scale, residual}, {y, z}, [=](Execution& e) {
    on_device_as(e, x.dtype, "linear", [&](auto device, auto zero) {
      using T = decltype(zero);
      linear_forward(device, LinearForward<T>{x.data<T>(), x.row_stride, weight, repeats, scale.data<float>(),
                                              bias.data<T>(), activation, residual.data<T>(),
                                              residual.row_stride, y.data<T>(), z.data<T>(), s});
    });
    if (e.device.kind() != DeviceKind::cpu) return;
    if (restorable) y.storage->recipe = std::make_unique<Activated>(activation, z);
    if (keeps_x) x.storage->give_up();
  });
  c.result(y);
  if (!recording) return;
  // x is only needed for the weight's gradient, the weight only for that of x.
  View kept = keeps_z ? z : activation == Function::relu ? y : View();
  View kept_x = x, kept_weight = weight;
  if (!keeps_x) kept_x.storage = nullptr;
  if (!c.recording({in.x})) kept_weight.storage = nullptr;
  c.record({in.x, in.weight, in.bias, in.residual}, {kept_x, kept_weight, kept}, [=](Backward& b) {
    backward(b, s, kept_x, kept_weight, kept, activation);
    if (b.needs(3)) b.set(3, b.gradient(0));
  });
}

}  // namespace

extern const Op op_linear{"linear", call, nullptr};

}  // namespace athanor
