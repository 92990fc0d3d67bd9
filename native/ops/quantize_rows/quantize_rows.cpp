// The op `quantize_rows`: argument x (rows, width), f32. Results q (rows, width) i8 and scale (rows) f32.
#include "ops/quantize_rows/quantize_rows.h"

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_dtype(input, "x", DType::f32);
  c.check_rank(input, "x", 2, 2);
  View x = c.rows_of(input);
  View q = c.make(DType::i8, x.shape);
  View scale = c.make(DType::f32, Shape{x.shape[0]});
  c.run({x}, {q, scale}, [=](Execution& e) {
    QuantizeRows a{x.data<float>(), q.data<int8_t>(), scale.data<float>(), x.rows(), x.width()};
    on_device(e, [&](auto device) { quantize_rows_forward(device, a); });
  });
  c.result(q);
  c.result(scale);
}

}  // namespace

extern const Op op_quantize_rows{"quantize_rows", call, "rounding has no gradient"};

}  // namespace athanor
