// The ops `layer_norm` and `rms_norm`: arguments x, residual (or 0), weight, bias (or 0; rms_norm has none),
// eps, p, seed (two), call (two), returnSum. Results y and, with returnSum, s = x + dropout(residual).
#include "ops/layer_norm/layer_norm.h"

namespace athanor {

namespace {

struct Saved {
  NormKind kind;
  View s;           // (..., C)
  View statistics;  // (2, T)
  View weight;      // (C)
  bool has_residual, has_bias, has_sum;
  float p;
  uint64_t seed, call;
};

// Inputs in the order x, residual, weight, bias; outputs y, sum.
void gradient(Backward& b, const Saved& saved) {
  const View dy = b.gradient(0);
  const View dsum = saved.has_sum ? b.gradient(1) : View();
  if (!dy.defined() && !dsum.defined()) return;
  const bool residual = saved.has_residual && b.needs(1);
  const bool one_view = residual && b.needs(0) && saved.p == 0.0f;
  const bool weight = dy.defined() && b.needs(2), bias = dy.defined() && saved.has_bias && b.needs(3);
  const int64_t rows = saved.s.rows(), width = saved.s.width();
  const DType dtype = saved.s.dtype;
  View dx = b.needs(0) ? b.make(dtype, saved.s.shape) : View();
  View dresidual = residual && !one_view ? b.make(dtype, saved.s.shape) : View();
  View dweight = weight ? b.make(b.gradient_dtype(2, dtype), {width}) : View();
  View dbias = bias ? b.make(b.gradient_dtype(3, dtype), {width}) : View();
  const bool on_cpu = b.queue()->device.kind() == DeviceKind::cpu;
  View partials =
      on_cpu && (weight || bias) ? b.make(DType::f32, {2, layer_norm_blocks(rows), width}) : View();
  b.run({dy, dsum, saved.s, saved.statistics, saved.weight}, {dx, dresidual, dweight, dbias, partials},
        [=](Execution& e) {
          on_device_as(e, dtype, "layer_norm", [&](auto device, auto zero) {
            using T = decltype(zero);
            LayerNormBackward<T> a{};
            a.kind = saved.kind;
            a.dy = dy.data<T>(), a.dy_stride = dy.row_stride;
            a.dsum = dsum.data<T>(), a.dsum_stride = dsum.row_stride;
            a.s = saved.s.data<T>(), a.s_stride = saved.s.row_stride;
            a.statistics = saved.statistics.data<float>();
            a.weight = saved.weight.data<T>();
            a.dx = dx.data<T>(), a.dresidual = dresidual.data<T>();
            a.dweight = {dweight.data<char>(), dweight.dtype}, a.dbias = {dbias.data<char>(), dbias.dtype};
            a.partials = partials.data<float>();
            a.rows = rows, a.width = width;
            a.p = saved.p, a.seed = saved.seed, a.call = saved.call;
            layer_norm_backward(device, a);
          });
        });
  if (b.needs(0)) b.set(0, dx);
  if (residual) b.set(1, one_view ? dx : dresidual);
  if (weight) b.set(2, dweight);
  if (bias) b.set(3, dbias);
}

void check(const Call& c, const TensorRef& input, const TensorRef& residual, const TensorRef& weight,
           const TensorRef& bias, float eps, float p) {
  c.check_float(input, "x");
  c.check_rank(input, "x", 1, 4);
  const DType dtype = input->view.dtype;
  c.check_dtype(weight, "weight", dtype);
  const int64_t width = input->view.width();
  c.check_shape(weight, "weight", {width});
  if (bias) {
    c.check_dtype(bias, "bias", dtype);
    c.check_shape(bias, "bias", {width});
  }
  if (residual) {
    c.check_dtype(residual, "residual", dtype);
    c.check_same_shape(input, "x", residual, "residual");
  }
  if (!(eps >= 0.0f)) c.fail(ErrorCode::argument, "eps must be at least 0, got " + std::to_string(eps));
  if (!(p >= 0.0f && p < 1.0f)) {
    c.fail(ErrorCode::argument, "dropout must be at least 0 and below 1, got " + std::to_string(p));
  }
}

void norm(Call& c, NormKind kind) {
  TensorRef input = c.tensor(0, "x"), residual_input = c.optional(1, "residual");
  TensorRef weight = c.tensor(2, "weight");
  TensorRef bias = kind == NormKind::layer ? c.optional(3, "bias") : nullptr;
  const float eps = static_cast<float>(c.number(4, "eps")), p = static_cast<float>(c.number(5, "dropout"));
  const uint64_t seed = c.bits(6, "seed"), number = c.bits(8, "call");
  const bool return_sum = c.flag(10, "returnSum");
  check(c, input, residual_input, weight, bias, eps, p);
  const int64_t rows = input->view.rows(), width = input->view.width();

  const bool recording = c.recording({input, residual_input, weight, bias});
  const View x = input->view, residual = residual_input ? residual_input->view : View();
  const View w = weight->view, bias_view = bias ? bias->view : View();
  View y = c.make(x.dtype, x.shape);
  View sum = residual.defined() && (recording || return_sum) ? c.make(x.dtype, x.shape) : View();
  View statistics = recording ? c.make(DType::f32, {2, rows}) : View();
  c.run({x, residual, w, bias_view}, {y, sum, statistics}, [=](Execution& e) {
    on_device_as(e, x.dtype, "layer_norm", [&](auto device, auto zero) {
      using T = decltype(zero);
      LayerNormForward<T> a{};
      a.kind = kind;
      a.x = x.data<T>(), a.x_stride = x.row_stride;
      a.residual = residual.data<T>(), a.residual_stride = residual.row_stride;
      a.weight = w.data<T>(), a.bias = bias_view.data<T>();
      a.y = y.data<T>(), a.sum = sum.data<T>(), a.statistics = statistics.data<float>();
      a.rows = rows, a.width = width;
      a.eps = eps, a.p = p, a.seed = seed, a.call = number;
      layer_norm_forward(device, a);
    });
  });
  const View s = residual.defined() ? sum : x;
  c.result(y);
  if (return_sum) c.result(s);
  const Saved saved{kind,       s, statistics, w,     residual.defined(), bias_view.defined(),
                    return_sum, p, seed,       number};
  c.record({input, residual_input, weight, bias}, {s, w}, [=](Backward& b) { gradient(b, saved); });
}

}  // namespace

extern const Op op_layer_norm{"layer_norm", [](Call& c) { norm(c, NormKind::layer); }, nullptr};
extern const Op op_rms_norm{"rms_norm", [](Call& c) { norm(c, NormKind::root_mean_square); }, nullptr};

}  // namespace athanor
