// One kernel for each pair of different types, through fp32 as on the CPU.
#include <limits>
#include <type_traits>

#include "cuda/map.h"
#include "ops/cast/cast.h"

namespace athanor {

namespace {

// Towards zero; what is beyond the type's range becomes its end, NaN becomes 0.
template <class T>
__device__ T saturate(float value, T least, T most) {
  if (!(value == value)) return 0;
  if (value >= static_cast<float>(most)) return most;  // for i32 this is 2^31, the first value beyond
  return value <= static_cast<float>(least) ? least : static_cast<T>(value);
}

}  // namespace

template <>
__device__ inline int32_t from_float<int32_t>(float value) {
  return saturate<int32_t>(value, INT32_MIN, INT32_MAX);
}
template <>
__device__ inline int8_t from_float<int8_t>(float value) {
  return saturate<int8_t>(value, INT8_MIN, INT8_MAX);
}
template <>
__device__ inline uint8_t from_float<uint8_t>(float value) {
  return saturate<uint8_t>(value, 0, UINT8_MAX);
}

namespace {

struct Unchanged {
  __device__ float operator()(float x) const { return x; }
};

// Calls body with a null pointer to the element type.
template <class Body>
void with_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32: return body(static_cast<float*>(nullptr));
    case DType::bf16: return body(static_cast<bf16*>(nullptr));
    case DType::i32: return body(static_cast<int32_t*>(nullptr));
    case DType::i8: return body(static_cast<int8_t*>(nullptr));
    case DType::u8: return body(static_cast<uint8_t*>(nullptr));
  }
}

}  // namespace

void cast_forward(Cuda cuda, const Cast& a) {
  with_type(a.from, [&](auto* x) {
    with_type(a.to, [&](auto* y) {
      using X = std::remove_pointer_t<decltype(x)>;
      using Y = std::remove_pointer_t<decltype(y)>;
      if constexpr (!std::is_same_v<X, Y>) {
        map(cuda, Unchanged{}, Target<Y>{static_cast<Y*>(a.y), a.n}, 1, a.n,
            elements(static_cast<const X*>(a.x), a.n));
      }
    });
  });
}

}  // namespace athanor
