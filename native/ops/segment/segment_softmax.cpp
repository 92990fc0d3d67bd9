// The op `segment_softmax`: arguments x (T) or (T, C), offsets (B+1). Each column on its own.
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x"), offsets_input = c.tensor(1, "offsets");
  c.check_float(input, "x");
  c.check_rank(input, "x", 1, 2);
  const View x = input->view, offsets = offsets_input->view;
  const bool flat = x.shape.rank == 1;
  const int64_t rows = x.shape[0], width = flat ? 1 : x.width(), stride = flat ? 1 : x.row_stride;
  const int64_t batch = check_offsets_tensor(c, offsets_input, rows, "offsets");
  View y = c.make(x.dtype, x.shape);
  const int32_t* host = offsets.host<int32_t>();
  c.run({x, offsets}, {y}, [=](Execution& e) {
    on_device_as(e, x.dtype, "segment_softmax", [&](auto device, auto zero) {
      using T = decltype(zero);
      SegmentSoftmaxForward<T> a{x.data<T>(), stride, offsets.indices(host), y.data<T>(), batch, rows, width};
      segment_softmax_forward(device, a);
    });
  });
  c.result(y);
  c.record({input}, {offsets, y}, [=](Backward& b) {
    View dy = b.contiguous(b.gradient(0));
    View dx = b.make_like(dy);
    b.run({dy, y, offsets}, {dx}, [=](Execution& e) {
      on_device_as(e, y.dtype, "segment_softmax", [&](auto device, auto zero) {
        using T = decltype(zero);
        SegmentSoftmaxBackward<T> a{dy.data<T>(), y.data<T>(), offsets.indices(host), dx.data<T>(), batch,
                                    rows,         width};
        segment_softmax_backward(device, a);
      });
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_segment_softmax{"segment_softmax", call, nullptr};

}  // namespace athanor
