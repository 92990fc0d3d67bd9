// The op `lstm`: arguments projected (T, 4H), offsets (B+1), weightHh (4H, H), h0 or 0, c0 or 0, reverse.
// Gives the output (T, H) and the last states h (B, H) and c (B, H). States are f32 whatever the other
// elements.
#include "ops/lstm/lstm.h"

#include "ops/offsets.h"

namespace athanor {

namespace {

struct Inputs {
  TensorRef projected, offsets, weight, h_0, c_0;
};

// What forward and backward read, as views.
struct Views {
  View projected, offsets, weight, h_0, c_0;  // h_0 and c_0 may be undefined
  const int32_t* host;                        // the offsets, where they are known
};

LstmSizes check(Call& c, const Inputs& in, bool reverse) {
  c.check_float(in.projected, "projected");
  c.check_rank(in.projected, "projected", 2, 2);
  c.check_dtype(in.weight, "weightHh", in.projected->view.dtype);
  c.check_rank(in.weight, "weightHh", 2, 2);
  const int64_t hidden = in.weight->shape()[1], rows = in.projected->shape()[0];
  c.check_shape(in.weight, "weightHh", {4 * hidden, hidden});
  c.check_shape(in.projected, "projected", {rows, 4 * hidden});
  const int64_t batch = check_offsets_tensor(c, in.offsets, rows, "offsets");
  const std::pair<TensorRef, const char*> states[] = {{in.h_0, "h0"}, {in.c_0, "c0"}};
  for (const auto& [state, name] : states) {
    if (!state) continue;
    c.check_dtype(state, name, DType::f32);
    c.check_shape(state, name, {batch, hidden});
  }
  return {batch, rows, hidden, reverse};
}

void backward(Backward& b, const Views& in, const View& y, const View& gates, const View& cells,
              const LstmSizes& s) {
  const View dy = b.gradient(0);
  const View dh_n = b.gradient(1).defined() ? b.contiguous(b.gradient(1)) : View();
  const View dc_n = b.gradient(2).defined() ? b.contiguous(b.gradient(2)) : View();
  const View dprojected = b.make(in.projected.dtype, {s.rows, 4 * s.hidden});
  View dweight, dh_0, dc_0;
  if (b.needs(1)) dweight = b.make(b.gradient_dtype(1, in.weight.dtype), in.weight.shape);
  if (b.needs(2)) dh_0 = b.make(DType::f32, {s.batch, s.hidden});
  if (b.needs(3)) dc_0 = b.make(DType::f32, {s.batch, s.hidden});
  b.run({dy, dh_n, dc_n, in.offsets, in.weight, in.h_0, in.c_0, y, gates, cells},
        {dprojected, dweight, dh_0, dc_0}, [=](Execution& e) {
          on_device_as(e, in.projected.dtype, "lstm", [&](auto device, auto zero) {
            using T = decltype(zero);
            lstm_backward(device, LstmBackward<T>{dy.data<T>(),
                                                  dy.row_stride,
                                                  dh_n.data<float>(),
                                                  dc_n.data<float>(),
                                                  in.offsets.indices(in.host),
                                                  in.weight.data<T>(),
                                                  in.h_0.data<float>(),
                                                  in.c_0.data<float>(),
                                                  y.data<T>(),
                                                  gates.data<float>(),
                                                  cells.data<float>(),
                                                  dprojected.data<T>(),
                                                  dh_0.data<float>(),
                                                  dc_0.data<float>(),
                                                  {dweight.data<void>(), dweight.dtype},
                                                  s});
          });
        });
  if (b.needs(0)) b.set(0, dprojected);
  if (b.needs(1)) b.set(1, dweight);
  if (b.needs(2)) b.set(2, dh_0);
  if (b.needs(3)) b.set(3, dc_0);
}

void call(Call& c) {
  Inputs in{c.tensor(0, "projected"), c.tensor(1, "offsets"), c.tensor(2, "weightHh"), c.optional(3, "h0"),
            c.optional(4, "c0")};
  const LstmSizes s = check(c, in, c.flag(5, "reverse"));
  const bool recording = c.recording({in.projected, in.weight, in.h_0, in.c_0});
  const Views v{in.projected->view,
                in.offsets->view,
                c.rows_of(in.weight),
                in.h_0 ? c.rows_of(in.h_0) : View(),
                in.c_0 ? c.rows_of(in.c_0) : View(),
                in.offsets->view.host<int32_t>()};
  const View y = c.make(v.projected.dtype, {s.rows, s.hidden});
  const View h_n = c.make(DType::f32, {s.batch, s.hidden}), c_n = c.make(DType::f32, {s.batch, s.hidden});
  const View gates = recording ? c.make(DType::f32, {s.rows, 4 * s.hidden}) : View();
  const View cells = recording ? c.make(DType::f32, {s.rows, s.hidden}) : View();
  c.run({v.projected, v.offsets, v.weight, v.h_0, v.c_0}, {y, h_n, c_n, gates, cells}, [=](Execution& e) {
    on_device_as(e, v.projected.dtype, "lstm", [&](auto device, auto zero) {
      using T = decltype(zero);
      lstm_forward(device, LstmForward<T>{v.projected.data<T>(), v.projected.row_stride,
                                          v.offsets.indices(v.host), v.weight.data<T>(), v.h_0.data<float>(),
                                          v.c_0.data<float>(), y.data<T>(), h_n.data<float>(),
                                          c_n.data<float>(), gates.data<float>(), cells.data<float>(), s});
    });
  });
  c.result(y);
  c.result(h_n);
  c.result(c_n);
  Views kept = v;
  kept.projected.storage = nullptr;  // backward needs its dtype alone
  c.record({in.projected, in.weight, in.h_0, in.c_0}, {v.offsets, v.weight, v.h_0, v.c_0, y},
           [=](Backward& b) { backward(b, kept, y, gates, cells, s); });
}

}  // namespace

extern const Op op_lstm{"lstm", call, nullptr};

}  // namespace athanor
