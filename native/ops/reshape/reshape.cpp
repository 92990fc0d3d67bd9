// The same elements in another shape: a view, no data moves (a range of columns is copied to whole rows
// first). Arguments: x, then the dimensions; one of them may be -1 and is worked out.
#include "ops/op.h"

namespace athanor {

namespace {

Shape wanted_shape(const Call& c, const Shape& from) {
  int rank = c.count() - 1;
  if (rank > 4) c.fail(ErrorCode::shape, "shape must have at most 4 dimensions, got " + std::to_string(rank));
  Shape to;
  to.rank = rank;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < rank; i++) {
    to.dims[i] = c.integer(i + 1, "shape", -1, int64_t{1} << 40);
    if (to.dims[i] >= 0) {
      known *= to.dims[i];
    } else if (unknown >= 0) {
      c.fail(ErrorCode::shape, "shape must have at most one -1");
    } else {
      unknown = i;
    }
  }
  if (unknown >= 0) {
    if (known == 0 || from.count() % known != 0) {
      c.fail(ErrorCode::shape, "shape: " + std::to_string(from.count()) + " elements of " + from.text() +
                                   " do not divide by " + std::to_string(known));
    }
    to.dims[unknown] = from.count() / known;
  }
  if (to.count() != from.count()) {
    c.fail(ErrorCode::shape, "shape must have the " + std::to_string(from.count()) + " elements of " +
                                 from.text() + ", got " + to.text());
  }
  return to;
}

void call(Call& c) {
  TensorRef input = c.tensor(0, "x");
  Shape to = wanted_shape(c, input->view.shape);
  c.result(c.rows_of(input).reshaped(to));
  Shape from = input->view.shape;
  c.record({input}, {}, [from](Backward& b) { b.set(0, b.contiguous(b.gradient(0)).reshaped(from)); });
}

}  // namespace

extern const Op op_reshape{"reshape", call, nullptr};

}  // namespace athanor
