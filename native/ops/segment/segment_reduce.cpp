// The op `segment_reduce`: arguments x (T, C), offsets (B+1), kind.
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

// Of max, an empty sequence has none: said at once where the offsets can be read.
void check_not_empty(const Call& c, const View& offsets, int64_t batch) {
  const int32_t* host = offsets.host<int32_t>();
  if (!host) return;
  for (int64_t b = 0; b < batch; b++) {
    if (host[b] == host[b + 1]) {
      c.fail(ErrorCode::data, "max needs a row in every sequence, got none in sequence " + std::to_string(b));
    }
  }
}

void call(Call& c) {
  TensorRef input = c.tensor(0, "x"), offsets_input = c.tensor(1, "offsets");
  const auto kind = c.choice<SegmentKind>(2, "kind", segment_kind_count);
  c.check_dtype(input, "x", DType::f32);
  c.check_rank(input, "x", 2, 2);
  const View x = input->view, offsets = offsets_input->view;
  const int64_t rows = x.rows(), width = x.width();
  const int64_t batch = check_offsets_tensor(c, offsets_input, rows, "offsets");
  if (kind == SegmentKind::max) check_not_empty(c, offsets, batch);
  View y = c.make(DType::f32, {batch, width});
  View argmax =
      kind == SegmentKind::max && c.recording({input}) ? c.make(DType::i32, {batch, width}) : View();
  c.run({x, offsets}, {y, argmax}, [=](Execution& e) {
    SegmentReduceForward a{kind,
                           x.data<float>(),
                           x.row_stride,
                           offsets.data<int32_t>(),
                           y.data<float>(),
                           argmax.data<int32_t>(),
                           batch,
                           rows,
                           width};
    on_device(e, [&](auto device) { segment_reduce_forward(device, a); });
  });
  c.result(y);
  c.record({input}, {offsets}, [=](Backward& b) {
    View dy = b.gradient(0);
    View dx = b.make(DType::f32, {rows, width});
    b.run({dy, offsets, argmax}, {dx}, [=](Execution& e) {
      SegmentReduceBackward a{kind,
                              dy.data<float>(),
                              dy.row_stride,
                              offsets.data<int32_t>(),
                              argmax.data<int32_t>(),
                              dx.data<float>(),
                              batch,
                              rows,
                              width};
      on_device(e, [&](auto device) { segment_reduce_backward(device, a); });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_segment_reduce{"segment_reduce", call, nullptr};

}  // namespace athanor
