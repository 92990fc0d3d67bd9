// The op `segment_softmax`: arguments x (T) or (T, C), offsets (B+1). Each column on its own.
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x"), offsets_input = c.tensor(1, "offsets");
  c.check_dtype(input, "x", DType::f32);
  c.check_rank(input, "x", 1, 2);
  const View x = input->view, offsets = offsets_input->view;
  const bool flat = x.shape.rank == 1;
  const int64_t rows = x.shape[0], width = flat ? 1 : x.width(), stride = flat ? 1 : x.row_stride;
  const int64_t batch = check_offsets_tensor(c, offsets_input, rows, "offsets");
  View y = c.make(DType::f32, x.shape);
  c.run({x, offsets}, {y}, [=](Execution& e) {
    SegmentSoftmaxForward a{
        x.data<float>(), stride, offsets.data<int32_t>(), y.data<float>(), batch, rows, width};
    on_device(e, [&](auto device) { segment_softmax_forward(device, a); });
  });
  c.result(y);
  c.record({input}, {offsets, y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(dy);
    b.run({dy, y, offsets}, {dx}, [=](Execution& e) {
      SegmentSoftmaxBackward a{
          dy.data<float>(), y.data<float>(), offsets.data<int32_t>(), dx.data<float>(), batch, rows, width};
      on_device(e, [&](auto device) { segment_softmax_backward(device, a); });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_segment_softmax{"segment_softmax", call, nullptr};

}  // namespace athanor
