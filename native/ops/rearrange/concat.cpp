// The op `concat`: arguments dim, then one tensor after the other, of one dtype and equal but for that
// dimension. Gradient: of each input its range of dy, as a view where slice would give one.
#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

constexpr int most_inputs = 4096;

std::vector<TensorRef> read(Call& c, int dim) {
  std::vector<TensorRef> inputs;
  for (int i = 1; i < c.count(); i++) {
    const std::string name = "tensors[" + std::to_string(i - 1) + "]";
    TensorRef t = c.tensor(i, name.c_str());
    if (i == 1) {
      c.check_rank(t, name.c_str(), dim + 1, 4);
    } else {
      Shape needed = inputs[0]->shape();
      if (t->shape().rank == needed.rank) needed.dims[dim] = t->shape()[dim];
      c.check_shape(t, name.c_str(), needed);
      c.check_dtype(t, name.c_str(), inputs[0]->view.dtype);
    }
    inputs.push_back(std::move(t));
  }
  return inputs;
}

// Where gradient i lies within dy (a view), or a copy of it.
View part_of(Backward& b, const View& dy, int dim, int64_t begin, int64_t end) {
  if (is_view_along(dy, dim)) return range_of(dy, dim, begin, end);
  Shape shape = dy.shape;
  shape.dims[dim] = end - begin;
  View part = b.make(dy.dtype, shape);
  b.run({dy}, {part}, [=](Execution& e) { copy_range(e, part, dy, dim, begin); });
  return part;
}

void call(Call& c) {
  const int dim = static_cast<int>(c.integer(0, "dim", 0, 3));
  if (c.count() < 2 || c.count() - 1 > most_inputs) {
    c.fail(ErrorCode::argument,
           "tensors must be 1 to " + std::to_string(most_inputs) + ", got " + std::to_string(c.count() - 1));
  }
  std::vector<TensorRef> inputs = read(c, dim);
  std::vector<View> views;
  std::vector<int64_t> begins{0};
  for (const TensorRef& t : inputs) {
    views.push_back(t->view);
    begins.push_back(begins.back() + t->shape()[dim]);
  }
  Shape shape = inputs[0]->shape();
  shape.dims[dim] = begins.back();
  View y = c.make(views[0].dtype, shape);
  c.run(views, {y}, [=](Execution& e) {
    for (size_t i = 0; i < views.size(); i++) {
      copy_along(e, y, dim, begins[i], views[i].shape[dim], views[i]);
    }
  });
  c.result(y);
  const int count = static_cast<int>(inputs.size());
  c.record(inputs, {}, [=](Backward& b) {
    const View& dy = b.gradient(0);
    for (int i = 0; i < count; i++) {
      const size_t k = static_cast<size_t>(i);
      if (b.needs(i)) b.set(i, part_of(b, dy, dim, begins[k], begins[k + 1]));
    }
  });
}

}  // namespace

extern const Op op_concat{"concat", call, nullptr};

}  // namespace athanor
