// The op `split`: arguments x, n. x (T, n C) gives n tensors (T, C), views of its columns: how attention
// reads the queries, keys and values that one product made. Gradient: where the n gradients lie side by side,
// as attention leaves them, together they are the gradient, and nothing is copied; otherwise they are put
// side by side.
#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

constexpr int64_t most_parts = 1024;

// Adjacent ranges of columns of the same rows?
bool side_by_side(const Backward& b, int n, int64_t width) {
  const View& first = b.gradient(0);
  if (!first.defined()) return false;
  for (int i = 0; i < n; i++) {
    const View& v = b.gradient(i);
    if (!v.defined() || v.storage != first.storage || v.dtype != first.dtype) return false;
    if (v.row_stride != first.row_stride || v.offset != first.offset + i * width) return false;
  }
  return first.row_stride >= n * width;
}

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  c.check_rank(input, "x", 2, 2);
  const View x = input->view;  // (T, n C)
  const int n = static_cast<int>(c.integer(1, "n", 1, most_parts));
  if (x.width() % n != 0) {
    c.fail(ErrorCode::shape,
           "x must have columns for " + std::to_string(n) + " equal parts, got " + x.shape.text());
  }
  const int64_t width = x.width() / n;
  for (int i = 0; i < n; i++) c.result(x.column_range(i * width, (i + 1) * width));
  const Shape shape = x.shape;
  c.record({input}, {}, [=](Backward& b) {
    if (side_by_side(b, n, width)) {
      View together = b.gradient(0);  // (T, n C)
      together.shape = shape;
      b.set(0, together);
      return;
    }
    View dx = b.make(x.dtype, shape);
    std::vector<View> parts;
    for (int i = 0; i < n; i++) parts.push_back(b.gradient(i));
    b.run(parts, {dx}, [=](Execution& e) {
      for (int i = 0; i < n; i++) copy_along(e, dx, 1, i * width, width, parts[static_cast<size_t>(i)]);
    });
    b.set(0, dx);
  });
}

}  // namespace

extern const Op op_split{"split", call, nullptr};

}  // namespace athanor
