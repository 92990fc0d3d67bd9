// The op `segment_cross_entropy`: arguments logits (T), offsets (B+1), labels (B), ignoreIndex.
#include "ops/offsets.h"
#include "ops/segment/segment.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "logits"), offsets_input = c.tensor(1, "offsets"),
            labels_input = c.tensor(2, "labels");
  const int64_t ignore_index = c.integer(3, "ignoreIndex");
  c.check_float(input, "logits");
  c.check_rank(input, "logits", 1, 1);
  const View logits = input->view, offsets = offsets_input->view, labels = labels_input->view;
  const int64_t rows = logits.shape[0];
  const int64_t batch = check_offsets_tensor(c, offsets_input, rows, "offsets");
  c.check_dtype(labels_input, "labels", DType::i32);
  c.check_shape(labels_input, "labels", {batch});
  View loss = c.make(DType::f32, {});
  View losses = c.make(DType::f32, {batch}), lse = c.make(DType::f32, {batch});
  const int32_t *host = offsets.host<int32_t>(), *host_labels = labels.host<int32_t>();
  c.run({logits, offsets, labels}, {loss, losses, lse}, [=](Execution& e) {
    on_device_as(e, logits.dtype, "segment_cross_entropy", [&](auto device, auto zero) {
      using T = decltype(zero);
      SegmentCrossEntropyForward<T> a{logits.data<T>(),
                                      offsets.indices(host),
                                      labels.indices(host_labels),
                                      ignore_index,
                                      loss.data<float>(),
                                      losses.data<float>(),
                                      lse.data<float>(),
                                      batch,
                                      rows};
      segment_cross_entropy_forward(device, a);
    });
  });
  c.result(loss);
  c.record({input}, {logits, offsets, labels}, [=](Backward& b) {
    View dloss = b.gradient(0);
    View dlogits = b.make_like(logits);
    b.run({dloss, logits, offsets, labels, lse}, {dlogits}, [=](Execution& e) {
      on_device_as(e, logits.dtype, "segment_cross_entropy", [&](auto device, auto zero) {
        using T = decltype(zero);
        SegmentCrossEntropyBackward<T> a{dloss.data<float>(),
                                         logits.data<T>(),
                                         offsets.indices(host),
                                         labels.indices(host_labels),
                                         ignore_index,
                                         lse.data<float>(),
                                         dlogits.data<T>(),
                                         batch,
                                         rows};
        segment_cross_entropy_backward(device, a);
      });
    });
    b.set(0, dlogits);
  });
}

}  // namespace

extern const Op op_segment_cross_entropy{"segment_cross_entropy", call, nullptr};

}  // namespace athanor
