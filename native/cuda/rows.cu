// The CUDA side of core/rows.h.
#include "core/rows.h"
#include "cuda/copy_bytes.h"
#include "cuda/map.h"

namespace athanor {

namespace {

struct Constant {
  float value;
  __device__ float operator()() const { return value; }
};

struct Plus {
  __device__ float operator()(float a, float b) const { return a + b; }
};

// Calls body with the view's elements in their type.
template <class Body>
void with_elements(const View& v, const char* what, const Body& body) {
  switch (v.dtype) {
    case DType::f32: return body(v.data<float>());
    case DType::bf16: return body(v.data<bf16>());
    default: throw Error(ErrorCode::dtype, std::string(what) + ": no code for " + dtype_name(v.dtype));
  }
}

template <class T>
Source<T> source_of(const View& v, const T* data) {
  return elements(data, v.row_stride);
}

}  // namespace

void copy_rows(Cuda cuda, const View& target, const View& source) {
  const int64_t size = static_cast<int64_t>(dtype_size(target.dtype));
  copy_bytes(cuda, target.data<char>(), target.row_stride * size, source.data<char>(),
             source.row_stride * size, target.rows(), target.width() * size);
}

void fill_rows(Cuda cuda, const View& target, float value) {
  with_elements(target, "fill", [&](auto* y) {
    using T = std::remove_pointer_t<decltype(y)>;
    map(cuda, Constant{value}, Target<T>{y, target.row_stride}, target.rows(), target.width());
  });
}

void add_rows(Cuda cuda, const View& y, const View& a, const View& b) {
  with_elements(y, "add", [&](auto* sum) {
    with_elements(a, "add", [&](auto* left) {
      with_elements(b, "add", [&](auto* right) {
        using T = std::remove_pointer_t<decltype(sum)>;
        map(cuda, Plus{}, Target<T>{sum, y.row_stride}, y.rows(), y.width(), source_of(a, left),
            source_of(b, right));
      });
    });
  });
}

}  // namespace athanor
