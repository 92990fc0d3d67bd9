// The op `write_rows`: arguments target, rows, x. Changes target (R, C) of any dtype, which may be a range of
// columns, as may x (N, C); rows is i32 (N). No result.
#include "ops/write_rows/write_rows.h"

#include <utility>

namespace athanor {

namespace {

void call(Call& c) {
  TensorRef target = c.tensor(0, "target"), rows = c.tensor(1, "rows"), x = c.tensor(2, "x");
  const int32_t* host = check_rows_to_write(c, target, "target", rows, "rows", x, "x");
  const View to = target->view, from = x->view, index = rows->view;
  c.run(
      {index, from}, {to},
      [=](Execution& e) {
        on_device(e, [&](auto device) {
          const WriteRows a = rows_to_write(to, index, host, from);
          if (!host) check_distinct_rows(device, "write_rows", "rows", a.rows, a.count, a.limit);
          write_rows(device, a);
        });
      },
      CommandKind::accumulate);
}

}  // namespace

const int32_t* check_rows_to_write(const Call& c, const TensorRef& target, const char* target_name,
                                   const TensorRef& rows, const char* rows_name, const TensorRef& x,
                                   const char* x_name) {
  c.check_rank(target, target_name, 2, 2);
  c.check_dtype(rows, rows_name, DType::i32);
  c.check_rank(rows, rows_name, 1, 1);
  c.check_dtype(x, x_name, target->view.dtype);
  c.check_shape(x, x_name, {rows->shape()[0], target->shape()[1]});
  for (const auto& [t, name] : {std::pair{target, target_name}, std::pair{x, x_name}}) {
    if (!c.recording({t})) continue;
    c.fail(ErrorCode::argument, std::string(name) +
                                    " must not require a gradient, which a write in place "
                                    "does not pass on, unless inside noGrad");
  }
  // Rows, too: a target of i32 may hold them, and they would change while they are followed.
  check_apart(c, rows, rows_name, target, target_name);
  check_apart(c, x, x_name, target, target_name);
  const int32_t* host = rows->view.host<int32_t>();
  if (host) {
    check_distinct_rows(c.op, rows_name, host, rows->view.count(), target->shape()[0], ErrorCode::argument);
  }
  return host;
}

void check_apart(const Call& c, const TensorRef& read, const char* read_name, const TensorRef& target,
                 const char* target_name) {
  if (read->view.storage != target->view.storage || read->view.count() == 0) return;
  c.fail(ErrorCode::argument, std::string(read_name) + " must not be part of the tensor that holds " +
                                  target_name + ", which is written to");
}

WriteRows rows_to_write(const View& target, const View& rows, const int32_t* host_rows, const View& x) {
  const int64_t bytes = static_cast<int64_t>(dtype_size(x.dtype));
  WriteRows a{};
  a.target = target.data<char>(), a.target_stride = target.row_stride * bytes;
  a.rows = rows.indices(host_rows);
  a.x = x.data<char>(), a.x_stride = x.row_stride * bytes;
  a.count = rows.count(), a.limit = target.shape[0], a.row_bytes = x.width() * bytes;
  return a;
}

extern const Op op_write_rows{"write_rows", call, "it changes its target in place"};

}  // namespace athanor
