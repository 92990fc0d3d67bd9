// The op `top_k`: arguments x, k, group, scores (or 0), logSoftmax, draw, seed (two), call (two). Results
// values f32 (rows / group, k) and indices i32 of the same shape.
#include "ops/top_k/top_k.h"

namespace athanor {

namespace {

struct Operands {
  View x, scores, values, indices;
  int64_t group;
  bool log_softmax, draw;
  uint64_t seed, call;

  template <class T>
  TopK<T> arguments() const {
    TopK<T> a{};
    a.x = x.data<T>(), a.x_stride = x.row_stride;
    a.scores = scores.data<float>();
    a.values = values.data<float>(), a.indices = indices.data<int32_t>();
    a.rows = x.rows(), a.width = x.width(), a.group = group, a.k = values.width();
    a.log_softmax = log_softmax, a.draw = draw;
    a.seed = seed, a.call = call;
    return a;
  }
};

void call(Call& c) {
  TensorRef x = c.tensor(0, "x"), scores = c.optional(3, "scores");
  c.check_float(x, "x");
  c.check_rank(x, "x", 2, 2);
  const int64_t rows = x->shape()[0], width = x->shape()[1];
  const int64_t group = c.integer(2, "beams", 1, 65536);
  if (rows % group != 0) {
    c.fail(ErrorCode::shape,
           "x must have a multiple of beams " + std::to_string(group) + " rows, got " + x->shape().text());
  }
  if (width * group > 2147483647) {
    c.fail(ErrorCode::shape, "x must have fewer than 2^31 elements in the rows of a source, got " +
                                 x->shape().text() + " with " + std::to_string(group) + " beams");
  }
  const int64_t k = c.integer(1, "k", 1, 2147483647);
  if (k > width * group) {
    c.fail(ErrorCode::argument, "k must be at most the " + std::to_string(width * group) +
                                    " elements it chooses from, got " + std::to_string(k));
  }
  if (x->view.storage->device.kind() == DeviceKind::cuda && k > top_k_most_on_cuda) {
    c.fail(ErrorCode::argument,
           "k must be at most " + std::to_string(top_k_most_on_cuda) + " on CUDA, got " + std::to_string(k));
  }
  if (scores) {
    c.check_dtype(scores, "scores", DType::f32);
    c.check_shape(scores, "scores", Shape{rows});
  }
  if (c.recording({x, scores})) {
    c.fail(ErrorCode::argument,
           "x must not require a gradient, which a choice does not pass on, unless "
           "inside noGrad");
  }
  Operands read;
  read.x = x->view, read.scores = scores ? scores->view : View();
  read.group = group;
  read.log_softmax = c.flag(4, "logSoftmax"), read.draw = c.flag(5, "draw");
  read.seed = c.bits(6, "seed"), read.call = c.bits(8, "call");
  read.values = c.make(DType::f32, {rows / group, k});
  read.indices = c.make(DType::i32, {rows / group, k});
  const Operands o = read;
  c.run({o.x, o.scores}, {o.values, o.indices}, [=](Execution& e) {
    on_device_as(e, o.x.dtype, "top_k",
                 [&](auto device, auto zero) { top_k(device, o.arguments<decltype(zero)>()); });
  });
  c.result(o.values);
  c.result(o.indices);
}

}  // namespace

extern const Op op_top_k{"top_k", call, "a choice has no gradient"};

}  // namespace athanor
