// The op `segment_reduce`: arguments x (T, C), offsets (B+1), kind.
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x"), offsets_input = c.tensor(1, "offsets");
  const auto kind = c.choice<SegmentKind>(2, "kind", segment_kind_count);
  c.check_float(input, "x");
  c.check_rank(input, "x", 2, 2);
  const View x = input->view, offsets = offsets_input->view;
  const int64_t rows = x.rows(), width = x.width();
  const int64_t batch = check_offsets_tensor(c, offsets_input, rows, "offsets");
  const int32_t* host = offsets.host<int32_t>();
  if (kind == SegmentKind::max && host) check_not_empty(host, batch);
  View y = c.make(x.dtype, {batch, width});
  View argmax =
      kind == SegmentKind::max && c.recording({input}) ? c.make(DType::i32, {batch, width}) : View();
  c.run({x, offsets}, {y, argmax}, [=](Execution& e) {
    on_device_as(e, x.dtype, "segment_reduce", [&](auto device, auto zero) {
      using T = decltype(zero);
      SegmentReduceForward<T> a{
          kind,  x.data<T>(), x.row_stride, offsets.indices(host), y.data<T>(), argmax.data<int32_t>(),
          batch, rows,        width};
      segment_reduce_forward(device, a);
    });
  });
  c.result(y);
  c.record({input}, {offsets}, [=](Backward& b) {
    View dy = b.gradient(0);
    View dx = b.make(dy.dtype, {rows, width});
    b.run({dy, offsets, argmax}, {dx}, [=](Execution& e) {
      on_device_as(e, dy.dtype, "segment_reduce", [&](auto device, auto zero) {
        using T = decltype(zero);
        SegmentReduceBackward<T> a{
            kind,  dy.data<T>(), dy.row_stride, offsets.indices(host), argmax.data<int32_t>(), dx.data<T>(),
            batch, rows,         width};
        segment_reduce_backward(device, a);
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_segment_reduce{"segment_reduce", call, nullptr};

}  // namespace athanor
