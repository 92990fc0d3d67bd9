// The op `cached_attention`: arguments q, keys, values, heads, lengths, rows (or 0), starts (or 0), scale,
// table of the relative bias (or 0), bidirectional, maxDistance, newKeys, newValues and newRows (or 0). With
// new rows, keys and values are written to first, in the same command. Result o.
#include "ops/cached_attention/cached_attention.h"

#include "ops/attention/attention_arguments.h"
#include "ops/write_rows/write_rows.h"

namespace athanor {

namespace {

constexpr const char* name = "cached_attention";

// The views behind CachedAttention, and those of the rows that are written first.
struct Operands {
  View q, keys, values, lengths, rows, starts, table;
  View new_keys, new_values, new_rows;
  const int32_t* host_lengths = nullptr;  // null where only known while commands run
  const int32_t* host_rows = nullptr;
  const int32_t* host_starts = nullptr;
  const int32_t* host_new_rows = nullptr;
  bool checked = false;  // lengths, rows, starts
  CachedAttentionSettings settings{};

  template <class T>
  CachedAttention<T> arguments(const View& o) const {
    CachedAttention<T> a{};
    static_cast<CachedAttentionSettings&>(a) = settings;
    a.q = q.data<T>(), a.keys = keys.data<T>(), a.values = values.data<T>();
    a.q_stride = q.row_stride, a.key_stride = keys.row_stride, a.value_stride = values.row_stride;
    a.lengths = lengths.indices(host_lengths);
    a.rows = rows.indices(host_rows), a.starts = starts.indices(host_starts);
    a.table = table.data<char>(), a.table_dtype = table.dtype;
    a.o = o.data<T>();
    return a;
  }
};

void check_tensors(const Call& c, const TensorRef& q, const TensorRef& keys, const TensorRef& values) {
  c.check_float(q, "q");
  c.check_rank(q, "q", 2, 2);
  c.check_dtype(keys, "keys", q->view.dtype);
  c.check_rank(keys, "keys", 2, 2);
  c.check_shape(keys, "keys", {keys->shape()[0], q->shape()[1]});
  c.check_dtype(values, "values", q->view.dtype);
  c.check_shape(values, "values", keys->shape());
}

void read_heads(Call& c, Operands& x, const TensorRef& q) {
  CachedAttentionSettings& in = x.settings;
  in.queries = x.q.rows(), in.cache_rows = x.keys.rows();
  in.heads = c.integer(3, "heads", 1, 65536);
  in.head_size = read_head_size(c, q, in.heads);
  in.scale = static_cast<float>(c.number(7, "scale"));
}

void read_rows(Call& c, Operands& x) {
  CachedAttentionSettings& in = x.settings;
  TensorRef lengths = c.tensor(4, "lengths");
  c.check_dtype(lengths, "lengths", DType::i32);
  c.check_shape(lengths, "lengths", Shape{in.queries});
  TensorRef rows = c.optional(5, "rows"), starts = c.optional(6, "starts");
  if ((rows == nullptr) == (starts == nullptr)) {
    c.fail(ErrorCode::argument,
           std::string("either rows or starts must be given, got ") + (rows ? "both" : "neither"));
  }
  x.lengths = lengths->view, x.host_lengths = x.lengths.host<int32_t>();
  if (rows) {
    c.check_dtype(rows, "rows", DType::i32);
    c.check_rank(rows, "rows", 2, 2);
    c.check_shape(rows, "rows", {in.queries, rows->shape()[1]});
    x.rows = c.rows_of(rows), x.host_rows = x.rows.host<int32_t>();
    in.columns = rows->shape()[1];
  } else {
    c.check_dtype(starts, "starts", DType::i32);
    c.check_shape(starts, "starts", Shape{in.queries});
    x.starts = starts->view, x.host_starts = x.starts.host<int32_t>();
  }
  x.checked = x.host_lengths && (x.host_rows || x.host_starts);
  if (x.checked) check_cached_rows(in, x.host_lengths, x.host_rows, x.host_starts, ErrorCode::argument);
}

void read_table(Call& c, Operands& x) {
  CachedAttentionSettings& in = x.settings;
  const RelativeArguments relative = read_relative_bias(c, 8, x.q.dtype, in.heads);
  in.buckets = relative.buckets, in.max_distance = relative.max_distance;
  in.bidirectional = relative.bidirectional;
  if (relative.table) x.table = c.rows_of(relative.table);
}

void read_new_rows(Call& c, Operands& x, const TensorRef& q, const TensorRef& keys, const TensorRef& values) {
  TensorRef new_keys = c.optional(11, "newKeys"), new_values = c.optional(12, "newValues");
  TensorRef new_rows = c.optional(13, "newRows");
  if (!new_keys && !new_values && !new_rows) return;
  if (!new_keys || !new_values || !new_rows) {
    c.fail(ErrorCode::argument, "newKeys, newValues and newRows must be given together");
  }
  check_rows_to_write(c, keys, "keys", new_rows, "newRows", new_keys, "newKeys");
  x.host_new_rows = check_rows_to_write(c, values, "values", new_rows, "newRows", new_values, "newValues");
  // Keys are written before values are read.
  check_apart(c, new_values, "newValues", keys, "keys");
  check_apart(c, new_keys, "newKeys", values, "values");
  for (const auto& [target, target_name] : {std::pair{keys, "keys"}, std::pair{values, "values"}}) {
    check_apart(c, q, "q", target, target_name);
  }
  x.new_keys = new_keys->view, x.new_values = new_values->view, x.new_rows = new_rows->view;
}

// Checks everything before anything is written.
template <class Device, class T>
void run(Device device, const Operands& x, const View& o) {
  const CachedAttention<T> a = x.arguments<T>(o);
  if (!x.checked) check_cached_rows(device, a);
  if (x.new_rows.defined()) {
    const WriteRows keys = rows_to_write(x.keys, x.new_rows, x.host_new_rows, x.new_keys);
    if (!x.host_new_rows) check_distinct_rows(device, name, "newRows", keys.rows, keys.count, keys.limit);
    write_rows(device, keys);
    write_rows(device, rows_to_write(x.values, x.new_rows, x.host_new_rows, x.new_values));
  }
  cached_attention(device, a);
}

void call(Call& c) {
  TensorRef q = c.tensor(0, "q"), keys = c.tensor(1, "keys"), values = c.tensor(2, "values");
  check_tensors(c, q, keys, values);
  if (c.recording({q, keys, values, c.optional(8, "relativeBias.table")})) {
    c.fail(ErrorCode::argument,
           "q, keys, values and relativeBias.table must not require a gradient: there "
           "is none for cached rows; call it inside noGrad, or use attention");
  }
  Operands read;
  read.q = q->view, read.keys = keys->view, read.values = values->view;
  read_heads(c, read, q);
  read_rows(c, read);
  read_table(c, read);
  read_new_rows(c, read, q, keys, values);
  const Operands x = read;
  View o = c.make(x.q.dtype, x.q.shape);
  const auto body = [=](Execution& e) {
    on_device_as(e, x.q.dtype, name,
                 [&](auto device, auto zero) { run<decltype(device), decltype(zero)>(device, x, o); });
  };
  const bool writes = x.new_rows.defined();
  std::vector<View> inputs{x.q, x.lengths, x.rows, x.starts, x.table, x.new_keys, x.new_values, x.new_rows};
  std::vector<View> outputs{o};
  for (const View& v : {x.keys, x.values}) (writes ? outputs : inputs).push_back(v);
  c.run(inputs, outputs, body, writes ? CommandKind::accumulate : CommandKind::produce);
  c.result(o);
}

}  // namespace

extern const Op op_cached_attention{"cached_attention", call,
                                    "caches are for inference; attention has gradients"};

}  // namespace athanor
