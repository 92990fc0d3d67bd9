// The op `embedding`: arguments table, ids, paddingIdx, up to three times. Tables are (V_t, C); all ids have
// one shape of up to three dimensions. Gives ids.shape + (C). The row paddingIdx (-1: none) is read like any
// other, but its gradient is zero.
#include "ops/embedding/embedding.h"

#include <array>

namespace athanor {

namespace {

const char* const table_names[most_tables] = {"tables[0]", "tables[1]", "tables[2]"};
const char* const ids_names[most_tables] = {"ids[0]", "ids[1]", "ids[2]"};
const char* const padding_names[most_tables] = {"paddingIdx[0]", "paddingIdx[1]", "paddingIdx[2]"};
const char* const wheres[most_tables] = {" of tables[0]", " of tables[1]", " of tables[2]"};

struct Lookup {
  TensorRef table;
  View weight;  // (V, C)
  View ids;     // (...)
  int64_t padding = -1;
  IndexCheck check{};
};

Lookup read(Call& c, int t, const TensorRef& first_table, const TensorRef& first_ids) {
  Lookup l;
  l.table = c.tensor(3 * t, table_names[t]);
  TensorRef ids = c.tensor(3 * t + 1, ids_names[t]);
  if (t == 0) c.check_float(l.table, table_names[t]);
  c.check_rank(l.table, table_names[t], 2, 2);
  c.check_dtype(ids, ids_names[t], DType::i32);
  if (t == 0) {
    c.check_rank(ids, ids_names[t], 0, 3);
  } else {
    c.check_dtype(l.table, table_names[t], first_table->view.dtype);
    c.check_shape(l.table, table_names[t], Shape{l.table->shape()[0], first_table->shape()[1]});
    c.check_same_shape(first_ids, ids_names[0], ids, ids_names[t]);
  }
  l.padding = c.integer(3 * t + 2, padding_names[t], -1, l.table->shape()[0] - 1);
  l.weight = c.rows_of(l.table);
  l.ids = c.rows_of(ids);
  l.check = {"embedding", "id", wheres[t]};
  return l;
}

void call(Call& c) {
  const int count = c.count() / 3;
  if (count < 1 || count > most_tables || c.count() % 3 != 0) {
    c.fail(ErrorCode::argument,
           "tables must be 1 to 3, each with ids and paddingIdx, got " + std::to_string(count));
  }
  TensorRef first_table = c.tensor(0, table_names[0]), first_ids = c.tensor(1, ids_names[0]);
  std::vector<TensorRef> tables;
  std::array<View, most_tables> weights, ids;
  std::array<const int32_t*, most_tables> hosts{};
  std::array<int64_t, most_tables> padding{};
  std::array<IndexCheck, most_tables> checks{};
  for (int t = 0; t < count; t++) {
    Lookup l = read(c, t, first_table, first_ids);
    const size_t i = static_cast<size_t>(t);
    tables.push_back(l.table);
    weights[i] = l.weight, ids[i] = l.ids, hosts[i] = l.ids.host<int32_t>(), padding[i] = l.padding,
    checks[i] = l.check;
  }
  Shape shape = ids[0].shape;  // (..., C)
  shape.dims[shape.rank++] = weights[0].width();
  View y = c.make(weights[0].dtype, shape);
  c.run({weights[0], weights[1], weights[2], ids[0], ids[1], ids[2]}, {y}, [=](Execution& e) {
    on_device_as(e, y.dtype, "embedding", [&](auto device, auto zero) {
      using T = decltype(zero);
      EmbeddingForward<T> a{{}, count, y.data<T>(), ids[0].count(), y.width()};
      for (int t = 0; t < count; t++) {
        const size_t i = static_cast<size_t>(t);
        a.tables[t] = {weights[i].data<T>(), ids[i].indices(hosts[i]), weights[i].rows(), checks[i]};
      }
      embedding_forward(device, a);
    });
  });
  c.result(y);
  std::array<Shape, most_tables> shapes;
  for (size_t i = 0; i < most_tables; i++) shapes[i] = weights[i].shape;
  c.record(tables, {ids[0], ids[1], ids[2]}, [=](Backward& b) {
    for (int t = 0; t < count; t++) {
      const size_t i = static_cast<size_t>(t);
      if (!b.needs(t)) continue;
      if (const View* held = b.held_gradient(t)) {
        add_scattered_rows(b, *held, b.gradient(0), ids[i], padding[i], checks[i]);
      } else {
        const DType dtype = b.gradient_dtype(t, b.gradient(0).dtype);
        b.set(t, scatter_rows_of(b, b.gradient(0), ids[i], dtype, shapes[i], padding[i], checks[i]));
      }
    }
  });
}

}  // namespace

extern const Op op_embedding{"embedding", call, nullptr};

}  // namespace athanor
