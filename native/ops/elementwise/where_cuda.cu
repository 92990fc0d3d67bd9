#include "cuda/sums.h"
#include "ops/elementwise/where.h"

namespace athanor {

namespace {

// The condition's elements come as floats, whose NaN is true as well.
struct Choose {
  __device__ float operator()(float condition, float a, float b) const { return condition != 0.0f ? a : b; }
};

struct PassWhere {
  bool taken;
  __device__ float operator()(float condition, float dy) const {
    return (condition != 0.0f) == taken ? dy : 0.0f;
  }
};

// Calls body with the elements of the condition in their own type.
template <class Body>
void with_condition(const Condition& c, int64_t n, const Body& body) {
  switch (c.dtype) {
    case DType::u8: return body(elements(static_cast<const uint8_t*>(c.data), n));
    case DType::i32: return body(elements(static_cast<const int32_t*>(c.data), n));
    default: return body(elements(static_cast<const float*>(c.data), n));
  }
}

template <class T>
Source<T> source_of(const WhereSide<T>& side, int64_t n) {
  return {side.data, side.one ? 0 : n, side.one ? 0 : 1, side.value};
}

}  // namespace

template <class T>
void where_forward(Cuda cuda, const WhereForward<T>& a) {
  with_condition(a.condition, a.n, [&](auto condition) {
    map(cuda, Choose{}, Target<T>{a.y, a.n}, 1, a.n, condition, source_of(a.a, a.n), source_of(a.b, a.n));
  });
}

template <class T>
void where_backward(Cuda cuda, const WhereBackward<T>& a) {
  with_condition(a.condition, a.n, [&](auto condition) {
    const Source<T> dy = elements(a.dy, a.n);
    if (a.one) {
      sum_rows(cuda, PassWhere{a.taken}, a.dx, 1.0, 1, 1, a.n, condition, dy);
    } else {
      map(cuda, PassWhere{a.taken}, Target<T>{a.dx, a.n}, 1, a.n, condition, dy);
    }
  });
}

template void where_forward(Cuda, const WhereForward<float>&);
template void where_forward(Cuda, const WhereForward<bf16>&);
template void where_backward(Cuda, const WhereBackward<float>&);
template void where_backward(Cuda, const WhereBackward<bf16>&);

}  // namespace athanor
