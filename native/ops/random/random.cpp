// The op `random`: arguments rank, the dimensions, distribution, a, b, seed (2), call (2), queue. Gives an
// f32 tensor; see random.h for a, b and the exact values. No gradient: it is made from nothing.
#include "ops/random/random.h"

namespace athanor {

namespace {

constexpr int64_t most_elements = int64_t{1} << 48;

Shape read_shape(const Call& c, int rank) {
  Shape shape;
  shape.rank = rank;
  int64_t count = 1;
  for (int i = 0; i < rank; i++) {
    shape.dims[i] = c.integer(1 + i, "shape", 0, most_elements);
    if (shape.dims[i] > 0 && count > most_elements / shape.dims[i]) {
      c.fail(ErrorCode::argument, "shape must have at most 2^48 elements");
    }
    count *= shape.dims[i];
  }
  return shape;
}

void call(Call& c) {
  const int rank = static_cast<int>(c.integer(0, "rank", 0, 4));
  const Shape shape = read_shape(c, rank);
  Random r{};
  r.distribution = c.choice<Distribution>(rank + 1, "distribution", distribution_count);
  r.a = c.number(rank + 2, "a");
  r.b = c.number(rank + 3, "b");
  r.seed = c.bits(rank + 4, "seed");
  r.call = c.bits(rank + 6, "call");
  const bool uniform = r.distribution == Distribution::uniform;
  if (uniform && !(r.a <= r.b)) c.fail(ErrorCode::argument, "low must not be above high");
  if (!uniform && !(r.b >= 0)) c.fail(ErrorCode::argument, "std must not be negative");
  c.use_queue(static_cast<int32_t>(c.integer(rank + 8, "queue")));
  View y = c.make(DType::f32, shape);
  c.run({}, {y}, [=](Execution& e) {
    Random random = r;
    random.y = y.data<float>();
    random.n = y.count();
    on_device(e, [&](auto device) { random_forward(device, random); });
  });
  c.result(y);
}

}  // namespace

extern const Op op_random{"random", call, "none: made from nothing"};

}  // namespace athanor
