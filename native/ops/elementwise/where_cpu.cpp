#include "cpu/pool.h"
#include "ops/elementwise/where.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

constexpr size_t grain = 8192;

// Calls body with the elements of the condition in their own type.
template <class Body>
void with_type(const Condition& c, const Body& body) {
  if (c.dtype == DType::u8) return body(static_cast<const uint8_t*>(c.data));
  if (c.dtype == DType::i32) return body(static_cast<const int32_t*>(c.data));
  body(static_cast<const float*>(c.data));
}

// x[i * step] is the element: a step of 0 repeats the one number.
struct Source {
  explicit Source(const WhereSide<float>& s)
      : value(s.value), x(s.data ? s.data : &value), step(s.one ? 0 : 1) {}
  Source(const Source&) = delete;
  const float value;
  const float* x;
  size_t step;
};

}  // namespace

void where_forward(Cpu, const WhereForward<float>& f) {
  Source a(f.a), b(f.b);
  with_type(f.condition, [&](auto condition) {
    parallel_ranges(static_cast<size_t>(f.n), grain, [&](size_t begin, size_t end, Worker&) {
      for (size_t i = begin; i < end; i++) f.y[i] = condition[i] != 0 ? a.x[i * a.step] : b.x[i * b.step];
    });
  });
}

void where_backward(Cpu, const WhereBackward<float>& f) {
  with_type(f.condition, [&](auto condition) {
    if (!f.one) {
      parallel_ranges(static_cast<size_t>(f.n), grain, [&](size_t begin, size_t end, Worker&) {
        for (size_t i = begin; i < end; i++) f.dx[i] = (condition[i] != 0) == f.taken ? f.dy[i] : 0.0f;
      });
      return;
    }
    *f.dx = static_cast<float>(sum_in_blocks(f.n, sum_block, [&](int64_t begin, int64_t end, Worker&) {
      double total = 0;
      for (int64_t i = begin; i < end; i++) {
        if ((condition[i] != 0) == f.taken) total += static_cast<double>(f.dy[i]);
      }
      return total;
    }));
  });
}

}  // namespace athanor
