// The op `attention`: arguments q, k, v, heads, offsets, keyOffsets (or 0), causal, scale, bias (or 0), p,
// seed (two), call (two), returnWeights, table of the relative bias (or 0), bidirectional, maxDistance.
// Results o and, with returnWeights, the probabilities.
#include "ops/attention/attention.h"

#include "ops/attention/attention_arguments.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

// The views behind AttentionInputs: what commands capture.
struct Operands {
  View q, k, v, offsets, key_offsets, bias, table;
  const int32_t* host_offsets = nullptr;  // null where they are only known while commands run
  const int32_t* host_key_offsets = nullptr;
  AttentionSettings settings{};

  // Pointers only exist while a command runs.
  template <class T>
  AttentionInputs<T> inputs() const {
    AttentionInputs<T> in{};
    static_cast<AttentionSettings&>(in) = settings;
    in.q = q.data<T>(), in.k = k.data<T>(), in.v = v.data<T>();
    in.q_stride = q.row_stride, in.k_stride = k.row_stride, in.v_stride = v.row_stride;
    in.offsets = offsets.indices(host_offsets), in.key_offsets = key_offsets.indices(host_key_offsets);
    in.bias = bias.data<float>(), in.table = table.data<char>(), in.table_dtype = table.dtype;
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
  x.host_offsets = x.offsets.host<int32_t>(), x.host_key_offsets = x.key_offsets.host<int32_t>();
  AttentionSettings& in = x.settings;
  in.q_rows = x.q.rows(), in.k_rows = x.k.rows();
  in.heads = c.integer(3, "heads", 1, 65536);
  in.head_size = read_head_size(c, q, in.heads);
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
  c.check_float(q, "q");
  c.check_dtype(k, "k", q->view.dtype);
  c.check_dtype(v, "v", q->view.dtype);
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
  AttentionSettings& in = x.settings;
  const RelativeArguments relative = read_relative_bias(c, 15, x.q.dtype, in.heads);
  in.buckets = relative.buckets, in.max_distance = relative.max_distance;
  in.bidirectional = relative.bidirectional;
  if (relative.table) x.table = c.rows_of(relative.table);
  return relative.table;
}

// The bias, and the contents of the offsets where they can be read already. Returns whether they can.
bool check_contents(const Call& c, Operands& x) {
  AttentionSettings& in = x.settings;
  if (x.bias.defined()) {
    const Shape& shape = x.bias.shape;
    in.bias_batch = shape[0], in.bias_rows = shape[2], in.bias_columns = shape[3];
    if ((shape[0] != 1 && shape[0] != in.batch) || shape[1] != in.heads) {
      c.fail(ErrorCode::shape, "bias must be (1 or " + std::to_string(in.batch) + ", " +
                                   std::to_string(in.heads) + ", rows, columns), got " + shape.text());
    }
  }
  if (!x.host_offsets || !x.host_key_offsets) return false;
  check_attention_sequences(in, x.host_offsets, x.host_key_offsets, ErrorCode::argument);
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
  const DType dtype = x.q.dtype;
  const int64_t width = x.q.width();
  if (b.needs(0) && b.needs(1) && b.needs(2) && adjacent(x.q, x.k) && adjacent(x.k, x.v)) {
    View packed = b.make(dtype, {x.q.rows(), 3 * width});
    d.q = packed.column_range(0, width);
    d.k = packed.column_range(width, 2 * width);
    d.v = packed.column_range(2 * width, 3 * width);
  } else if (b.needs(1) && b.needs(2) && adjacent(x.k, x.v)) {
    View packed = b.make(dtype, {x.k.rows(), 2 * width});
    d.k = packed.column_range(0, width);
    d.v = packed.column_range(width, 2 * width);
  }
  if (b.needs(0) && !d.q.defined()) d.q = b.make(dtype, x.q.shape);
  if (b.needs(1) && !d.k.defined()) d.k = b.make(dtype, x.k.shape);
  if (b.needs(2) && !d.v.defined()) d.v = b.make(dtype, x.v.shape);
  if (x.bias.defined() && b.needs(3)) d.bias = b.make(DType::f32, x.bias.shape);
  if (x.table.defined() && b.needs(4)) d.table = b.make(b.gradient_dtype(4, x.table.dtype), x.table.shape);
  return d;
}

void gradient(Backward& b, const Operands& x, const View& o, const View& lse) {
  const View d_o = b.gradient(0);
  const Gradients d = make_gradients(b, x);
  b.run({d_o, x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table, o, lse},
        {d.q, d.k, d.v, d.bias, d.table}, [=](Execution& e) {
          on_device_as(e, x.q.dtype, "attention", [&](auto device, auto zero) {
            using T = decltype(zero);
            AttentionBackward<T> a{};
            a.in = x.inputs<T>();
            a.o = o.data<T>(), a.lse = lse.data<float>();
            a.d_o = d_o.data<T>(), a.d_o_stride = d_o.row_stride;
            a.dq = d.q.data<T>(), a.dq_stride = d.q.row_stride;
            a.dk = d.k.data<T>(), a.dk_stride = d.k.row_stride;
            a.dv = d.v.data<T>(), a.dv_stride = d.v.row_stride;
            a.dbias = d.bias.data<float>();
            a.dtable = d.table.data<char>(), a.dtable_dtype = d.table.dtype;
            attention_backward(device, a);
          });
        });
  if (d.q.defined()) b.set(0, d.q);
  if (d.k.defined()) b.set(1, d.k);
  if (d.v.defined()) b.set(2, d.v);
  if (d.bias.defined()) b.set(3, d.bias);
  if (d.table.defined()) b.set(4, d.table);
}

View run_weights(Call& c, const Operands& x, const View& lse) {
  const int32_t* offsets = x.host_offsets;
  const int32_t* key_offsets = x.host_key_offsets;
  int64_t count = 0;
  for (int64_t b = 0; b < x.settings.batch; b++) {
    count += x.settings.heads * (offsets[b + 1] - offsets[b]) * (key_offsets[b + 1] - key_offsets[b]);
  }
  View weights = c.make(DType::f32, {count});
  c.run({x.q, x.k, x.offsets, x.key_offsets, x.bias, x.table, lse}, {weights}, [=](Execution& e) {
    on_device_as(e, x.q.dtype, "attention", [&](auto device, auto zero) {
      using T = decltype(zero);
      attention_weights(device, AttentionWeights<T>{x.inputs<T>(), lse.data<float>(), weights.data<float>()});
    });
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
  View o = c.make(x.q.dtype, x.q.shape);
  const std::vector<TensorRef> inputs{q, k, v, bias, table};
  View lse = c.recording(inputs) || return_weights ? c.make(DType::f32, {x.settings.heads, x.settings.q_rows})
                                                   : View();
  c.run({x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table}, {o, lse}, [=](Execution& e) {
    on_device_as(e, x.q.dtype, "attention", [&](auto device, auto zero) {
      using T = decltype(zero);
      attention_forward(device, AttentionForward<T>{x.inputs<T>(), o.data<T>(), lse.data<float>()});
    });
  });
  c.result(o);
  c.record(inputs, {x.q, x.k, x.v, x.offsets, x.key_offsets, x.bias, x.table, o},
           [=](Backward& b) { gradient(b, x, o, lse); });
  // After record: no gradient goes through the weights.
  if (return_weights) c.result(run_weights(c, x, lse));
}

}  // namespace

extern const Op op_attention{"attention", call, nullptr};

}  // namespace athanor
