// The op `gather_rows`: arguments x, index. x (N, ...) of any dtype and one to four dimensions, index i32
// (M): gives (M, ...). A rank-2 x may be a range of columns.
#include "ops/gather_rows/gather_rows.h"

#include <type_traits>

namespace athanor {

namespace {

int64_t inner_count(const Shape& shape) {
  int64_t n = 1;
  for (int i = 1; i < shape.rank; i++) n *= shape[i];
  return n;
}

void call(Call& c) {
  TensorRef x_input = c.tensor(0, "x"), index_input = c.tensor(1, "index");
  c.check_rank(x_input, "x", 1, 4);
  c.check_dtype(index_input, "index", DType::i32);
  c.check_rank(index_input, "index", 1, 1);
  if (c.recording({x_input})) c.check_float(x_input, "x");
  View x = x_input->view, index = c.rows_of(index_input);
  Shape shape = x.shape;  // (M, ...)
  shape.dims[0] = index.shape[0];
  View y = c.make(x.dtype, shape);
  const IndexCheck check{"gather_rows", "index", ""};
  const int32_t* host = index.host<int32_t>();
  c.run({x, index}, {y}, [=](Execution& e) {
    const int64_t bytes = static_cast<int64_t>(dtype_size(x.dtype)), width = inner_count(x.shape);
    const int64_t stride = x.shape.rank == 2 ? x.row_stride : width;
    GatherRows a{x.data<char>(), stride * bytes, index.indices(host), y.data<char>(),
                 index.count(),  x.shape[0],     width * bytes,       check};
    on_device(e, [&](auto device) { gather_rows_forward(device, a); });
  });
  c.result(y);
  const Shape x_shape = x.shape;
  const DType x_dtype = x.dtype;
  c.record({x_input}, {index}, [=](Backward& b) {
    const DType dtype = b.gradient_dtype(0, x_dtype);
    b.set(0, scatter_rows_of(b, b.gradient(0), index, dtype, x_shape, -1, check));
  });
}

// One command: dx of type G from dy of type T.
struct Scatter {
  View dx, dy, index, starts, order;
  const int32_t* host;
  int64_t zero_row;
  IndexCheck check;
  bool accumulate;

  template <class G, class T, class Device>
  void run(Device device) const {
    ScatterRows<T, G> a{};
    a.index = index.indices(host);
    a.dy = dy.data<T>(), a.dx = dx.data<G>();
    a.accumulate = accumulate;
    a.starts = starts.data<int32_t>(), a.order = order.data<int32_t>();
    a.count = index.count(), a.rows = dx.shape[0], a.width = inner_count(dx.shape);
    a.ld_dy = dy.shape.rank == 2 ? dy.row_stride : a.width;
    a.zero_row = zero_row;
    a.check = check;
    scatter_rows(device, a);
  }
};

void scatter(Emitter& e, const View& dx, const View& dy, const View& index, int64_t zero_row,
             const IndexCheck& check, CommandKind kind) {
  View starts = e.make(DType::i32, Shape{dx.shape[0] + 1}), order = e.make(DType::i32, Shape{index.count()});
  const bool accumulate = kind == CommandKind::accumulate;
  const Scatter command{dx, dy, index, starts, order, index.host<int32_t>(), zero_row, check, accumulate};
  auto body = [command](Execution& execution) {
    on_device_as(execution, command.dy.dtype, command.check.op, [&](auto device, auto zero) {
      using T = decltype(zero);
      if (command.dx.dtype == DType::f32) return command.run<float, T>(device);
      if constexpr (!std::is_same_v<T, float>) return command.run<T, T>(device);
    });
  };
  e.run({dy, index}, {dx, starts, order}, body, kind);
}

}  // namespace

View scatter_rows_of(Emitter& e, const View& dy, const View& index, DType dtype, const Shape& shape,
                     int64_t zero_row, const IndexCheck& check) {
  View dx = e.make(dtype, shape);
  scatter(e, dx, dy, index, zero_row, check, CommandKind::produce);
  return dx;
}

void add_scattered_rows(Emitter& e, const View& dx, const View& dy, const View& index, int64_t zero_row,
                        const IndexCheck& check) {
  scatter(e, dx, dy, index, zero_row, check, CommandKind::accumulate);
}

extern const Op op_gather_rows{"gather_rows", call, nullptr};

}  // namespace athanor
