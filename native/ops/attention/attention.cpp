// The op `attention`: arguments q, k, v, heads, offsets, keyOffsets (or 0), causal, scale, bias (or 0), p,
// seed (two), call (two), returnWeights, table of the relative bias (or 0), bidirectional, maxDistance.
// Results o and, with returnWeights, the probabilities.
#include "ops/attention/attention.h"

#include "ops/attention/relative_bias.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

constexpr int64_t most_head_size = 256;

// The views behind AttentionInputs: what commands capture.
struct Operands {
  View q, k, v, offsets, key_offsets, bias, table;
  AttentionInputs plain{};  // all but the pointers

  // Pointers only exist while a command runs.
  AttentionInputs inputs() const {
    AttentionInputs in = plain;
    in.q = q.data<float>(), in.k = k.data<float>(), in.v = v.data<float>();
    in.offsets = offsets.data<int32_t>(), in.key_offsets = key_offsets.data<int32_t>();
    in.bias = bias.data<float>(), in.table = table.data<float>();
    return in;
  }
};

Operands read_operands(Call& c, const TensorRef& q, const TensorRef& k, const TensorRef& v,
                       const TensorRef& bias) {
  Operands x;
  x.q = q->view, x.k = k->view, x.v = v->view;
  x.bias = bias ? c.rows_of(bias) : View();
  TensorRef offsets = c.tensor(4, "offsets"), key_offsets = c.optional(5, "keyOffsets");
  x.offsets = offsets->view;
  x.key_offsets = key_offsets ? key_offsets->view : offsets->view;
  AttentionInputs& in = x.plain;
  in.q_stride = x.q.row_stride, in.k_stride = x.k.row_stride, in.v_stride = x.v.row_stride;
  in.q_rows = x.q.rows(), in.k_rows = x.k.rows();
  in.heads = c.integer(3, "heads", 1, 65536);
  if (x.q.width() % in.heads != 0 || x.q.width() == 0) {
    c.fail(ErrorCode::shape, "q must have a multiple of heads " + std::to_string(in.heads) +
                                 " columns, got " + x.q.shape.text());
  }
  in.head_size = x.q.width() / in.heads;
  if (in.head_size > most_head_size) {
    c.fail(ErrorCode::shape, "q must have at most " + std::to_string(most_head_size) +
                                 " columns per head, got " + std::to_string(in.head_size));
  }
  in.batch = check_offsets_tensor(c, offsets, in.q_rows, "offsets");
  if (key_offsets) {
    c.check_dtype(key_offsets, "keyOffsets", DType::i32);
    c.check_shape(key_offsets, "keyOffsets", {in.batch + 1});
    check_offsets_tensor(c, key_offsets, in.k_rows, "keyOffsets");
  } else if (in.k_rows != in.q_rows) {
    c.fail(ErrorCode::argument, "keyOffsets must be given where k has other rows than q, got " +
                                    std::to_string(in.k_rows) + " and " + std::to_string(in.q_rows));
  }
  in.causal = c.flag(6, "causal");
  in.scale = static_cast<float>(c.number(7, "scale"));
  in.p = static_cast<float>(c.number(9, "dropout"));
  if (!(in.p >= 0.0f && in.p < 1.0f)) {
    c.fail(ErrorCode::argument, "dropout must be at least 0 and below 1, got " + std::to_string(in.p));
  }
  in.seed = c.bits(10, "seed"), in.call = c.bits(12, "call");
  return x;
}

void check_tensors(const Call& c, const TensorRef& q, const TensorRef& k, const TensorRef& v,
                   const TensorRef& bias) {
  c.check_dtype(q, "q", DType::f32);
  c.check_dtype(k, "k", DType::f32);
  c.check_dtype(v, "v", DType::f32);
  c.check_rank(q, "q", 2, 2);
  c.check_rank(k, "k", 2, 2);
  c.check_shape(k, "k", {k->shape()[0], q->shape()[1]});
  c.check_shape(v, "v", k->shape());
  if (!bias) return;
  c.check_dtype(bias, "bias", DType::f32);
  c.check_rank(bias, "bias", 4, 4);
}

// The table of the relative bias and how to read it; null where there is none.
TensorRef read_table(Call& c, Operands& x) {
  TensorRef table = c.optional(15, "relativeBias.table");
  if (!table) return table;
  AttentionInputs& in = x.plain;
  in.bidirectional = c.flag(16, "relativeBias.bidirectional");
  c.check_dtype(table, "relativeBias.table", DType::f32);
  c.check_rank(table, "relativeBias.table", 2, 2);
  in.buckets = table->shape()[0];
  c.check_shape(table, "relativeBias.table", {in.buckets, in.heads});
  const int64_t exact = relative_exact(in.bidirectional, in.buckets);
  if (exact < 1) {
    c.fail(ErrorCode::shape, "relativeBias.table must have at least " +
                                 std::to_string(in.bidirectional ? 4 : 2) + " rows (buckets), got " +
                                 std::to_string(in.buckets));
  }
  in.max_distance = c.integer(17, "relativeBias.maxDistance", exact + 1, 1 << 30);
  x.table = c.rows_of(table);
  return table;
}

// The bias, and the contents of the offsets where they can be read already. Returns whether they can.
bool check_contents(const Call& c, Operands& x) {
  AttentionInputs& in = x.plain;
  if (x.bias.defined()) {
    const Shape& shape = x.bias.shape;
    in.bias_batch = shape[0], in.bias_rows = shape[2], in.bias_columns = shape[3];
    if ((shape[0] != 1 && shape[0] != in.batch) || shape[1] != in.heads) {
      c.fail(ErrorCode::shape, "bias must be (1 or " + std::to_string(in.batch) + ", " +
                                   std::to_string(in.heads) + ", rows, columns), got " + shape.text());
    }
  }
  AttentionInputs host = in;
  host.offsets = x.offsets.host<int32_t>(), host.key_offsets = x.key_offsets.host<int32_t>();
  if (!host.offsets || !host.key_offsets) return false;
  check_attention_sequences(host, ErrorCode::argument);
  return true;
}

// Whether the views lie side by side in the rows of one storage: a packed projection.
bool adjacent(const View& left, const View& right) {
  return left.storage == right.storage && left.row_stride == right.row_stride &&
         left.rows() == right.rows() && left.offset + left.width() == right.offset;
}

struct Gradients {
  View q, k, v, bias, table;
};

// What is packed on the way in gets a packed gradient, so that the gradient of `split` has nothing to copy.
Gradients make_gradients(Backward& b, const Operands& x) {
  Gradients d;
  const int64_t width = x.q.width();
  if (b.needs(0) && b.needs(1) && b.needs(2) && adjacent(x.q, x.k) && adjacent(x.k, x.v)) {
    View packed = b.make(DType::f32, {x.q.rows(), 3 * width});
    d.q = packed.column_range(0, width);
    d.k = packed.column_range(width, 2 * width);
    d.v = packed.column_range(2 * width, 3 * width);
  } else if (b.needs(1) && b.needs(2) && adjacent(x.k, x.v)) {
    View packed = b.make(DType::f32, {x.k.rows(), 2 * width});
    d.k = packed.column_range(0, width);
    d.v = packed.column_range(width, 2 * width);
  }
  if (b.needs(0) && !d.q.defined()) d.q = b.make(DType::f32, x.q.shape);
  if (b.needs(1) && !d.k.defined()) d.k = b.make(DType::f32, x.k.shape);
  if (b.needs(2) && !d.v.defined()) d.v = b.make(DType::f32, x.v.shape);
  if (x.bias.defined() && b.needs(3)) d.bias = b.make(DType::f32, x.bias.shape);
  if (x.table.defined() && b.needs(4)) d.table = b.make(DType::f32, x.table.shape);
  return d;
}

void gradient(Backward& b, const Operands& x, const View& o, const View& lse) {
  const View d_o = b.gradient(0);
  const Gradients d = make_gradients(b, x);
  b.run({d_o, x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table, o, lse},
        {d.q, d.k, d.v, d.bias, d.table}, [=](Execution& e) {
          AttentionBackward a{};
          a.in = x.inputs();
          a.o = o.data<float>(), a.lse = lse.data<float>();
          a.d_o = d_o.data<float>(), a.d_o_stride = d_o.row_stride;
          a.dq = d.q.data<float>(), a.dq_stride = d.q.row_stride;
          a.dk = d.k.data<float>(), a.dk_stride = d.k.row_stride;
          a.dv = d.v.data<float>(), a.dv_stride = d.v.row_stride;
          a.dbias = d.bias.data<float>(), a.dtable = d.table.data<float>();
          on_device(e, [&](auto device) { attention_backward(device, a); });
        });
  if (d.q.defined()) b.set(0, d.q);
  if (d.k.defined()) b.set(1, d.k);
  if (d.v.defined()) b.set(2, d.v);
  if (d.bias.defined()) b.set(3, d.bias);
  if (d.table.defined()) b.set(4, d.table);
}

View run_weights(Call& c, const Operands& x, const View& lse) {
  const int32_t* offsets = x.offsets.host<int32_t>();
  const int32_t* key_offsets = x.key_offsets.host<int32_t>();
  int64_t count = 0;
  for (int64_t b = 0; b < x.plain.batch; b++) {
    count += x.plain.heads * (offsets[b + 1] - offsets[b]) * (key_offsets[b + 1] - key_offsets[b]);
  }
  View weights = c.make(DType::f32, {count});
  c.run({x.q, x.k, x.offsets, x.key_offsets, x.bias, x.table, lse}, {weights}, [=](Execution& e) {
    AttentionWeights a{x.inputs(), lse.data<float>(), weights.data<float>()};
    on_device(e, [&](auto device) { attention_weights(device, a); });
  });
  return weights;
}

void call(Call& c) {
  TensorRef q = c.tensor(0, "q"), k = c.tensor(1, "k"), v = c.tensor(2, "v"), bias = c.optional(8, "bias");
  check_tensors(c, q, k, v, bias);
  Operands read = read_operands(c, q, k, v, bias);
  TensorRef table = read_table(c, read);
  const bool readable = check_contents(c, read);
  const bool return_weights = c.flag(14, "returnWeights");
  if (return_weights && !readable) {
    c.fail(ErrorCode::argument,
           "offsets must be readable on the host for returnWeights, got the result of an op");
  }
  const Operands x = read;
  View o = c.make(DType::f32, x.q.shape);
  const std::vector<TensorRef> inputs{q, k, v, bias, table};
  View lse =
      c.recording(inputs) || return_weights ? c.make(DType::f32, {x.plain.heads, x.plain.q_rows}) : View();
  c.run({x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table}, {o, lse}, [=](Execution& e) {
    AttentionForward a{x.inputs(), o.data<float>(), lse.data<float>()};
    on_device(e, [&](auto device) { attention_forward(device, a); });
  });
  c.result(o);
  c.record(inputs, {x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table, o},
           [=](Backward& b) { gradient(b, x, o, lse); });
  // After record: no gradient goes through the weights.
  if (return_weights) c.result(run_weights(c, x, lse));
}

}  // namespace

void check_attention_sequences(const AttentionInputs& in, ErrorCode code) {
  check_offsets(in.offsets, in.batch, in.q_rows, "attention", "offsets", code);
  if (in.key_offsets != in.offsets || in.k_rows != in.q_rows) {
    check_offsets(in.key_offsets, in.batch, in.k_rows, "attention", "keyOffsets", code);
  }
  if (in.bias_batch == 0) return;  // none
  for (int64_t b = 0; b < in.batch; b++) {
    const int64_t rows = in.offsets[b + 1] - in.offsets[b], keys = in.key_offsets[b + 1] - in.key_offsets[b];
    if (rows <= in.bias_rows && keys <= in.bias_columns) continue;
    throw Error(code, "attention: bias must cover " + Shape{rows, keys}.text() + " of sequence " +
                          std::to_string(b) + ", got " + Shape{in.bias_rows, in.bias_columns}.text());
  }
}

extern const Op op_attention{"attention", call, nullptr};

}  // namespace athanor
