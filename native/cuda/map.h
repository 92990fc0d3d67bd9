// Element-wise work on matrices: y(row, column) = f(a(row, column), b(row, column), ...), computed in fp32.
//
//   map(cuda, Add{}, Target<T>{y, width}, rows, width, elements(a, width), number(b, 0));
//
// f is a plain struct with `__device__ float operator()(float...) const`. Every operand and the target have a
// type of their own and may be ranges of columns; 16-byte accesses are used where sizes and addresses allow.
#pragma once

#include "cuda/bf16.h"
#include "cuda/tiles.h"
#include "cuda/vector.h"

namespace athanor {

// `count` neighbours as they come from memory: converted one by one when they are used, so that the loads of
// all operands are under way before the first of them is waited for.
template <class T, int count>
struct Loaded {
  Vector<T, count> elements;
  bool given;
  float value;

  __device__ float operator[](int i) const { return given ? to_float(elements[i]) : value; }
};

// One operand: elements in rows; or one element for each row (step 0), the same for all with row_stride 0; or
// a plain number (data null). A row_stride of 0 repeats one row.
template <class T>
struct Source {
  using Element = T;
  const T* data;
  int64_t row_stride;
  int step;
  float value;

  template <int count>
  __device__ Loaded<T, count> load(int64_t row, int64_t column) const {
    Loaded<T, count> loaded{{}, data != nullptr, value};
    if (!data) return loaded;
    const T* from = data + row * row_stride;
    if (step) {
      loaded.elements = load_vector<count>(from + column);
    } else {
      for (int i = 0; i < count; i++) loaded.elements[i] = *from;
    }
    return loaded;
  }

  // ---- host side ----
  // Whether a row may be read `count` at a time.
  template <int count>
  bool aligned(int64_t rows) const {
    return !data || !step || aligned_for<count>(data, rows > 1 ? row_stride : 0);
  }
  // Whether (rows, width) are one row of rows * width.
  bool flat(int64_t width) const { return !data || row_stride == (step ? width : 0); }
};

template <class T>
Source<T> elements(const T* data, int64_t row_stride) {
  return {data, row_stride, 1, 0.0f};
}
template <class T>
Source<T> number_per_row(const T* data, int64_t row_stride) {
  return {data, row_stride, 0, 0.0f};
}
template <class T>
Source<T> number(const T* data, float value) {
  return {data, 0, 0, value};
}

// Elements in rows of which each serves `times` rows of the matrix one after the other.
template <class T>
struct Repeated {
  using Element = T;
  const T* data;
  int64_t row_stride, times;

  template <int count>
  __device__ Loaded<T, count> load(int64_t row, int64_t column) const {
    return {load_vector<count>(data + row / times * row_stride + column), true, 0.0f};
  }

  template <int count>
  bool aligned(int64_t) const {
    return aligned_for<count>(data, row_stride);
  }
  bool flat(int64_t) const { return false; }
};

template <class T>
struct Target {
  using Element = T;
  T* data;
  int64_t row_stride;

  template <int count>
  __device__ void store(int64_t row, int64_t column, const float (&values)[count]) const {
    Vector<T, count> elements;
    for (int i = 0; i < count; i++) elements[i] = from_float<T>(values[i]);
    store_vector(data + row * row_stride + column, elements);
  }

  template <int count>
  bool aligned(int64_t rows) const {
    return aligned_for<count>(data, rows > 1 ? row_stride : 0);
  }
  bool flat(int64_t width) const { return row_stride == width; }
};

// Whatever f returns goes to y.store: one float, or what another kind of target takes.
template <int count, class F, class Y, class... X>
__device__ inline void map_loaded(const F& f, const Y& y, int64_t row, int64_t column, const X&... x) {
  decltype(f(x[0]...)) values[count];
  for (int i = 0; i < count; i++) values[i] = f(x[i]...);
  y.template store<count>(row, column, values);
}

template <int pack, class F, class Y, class... X>
__global__ void __launch_bounds__(tile_threads) map_kernel(Tiles tiles, bool vectors, F f, Y y, X... x) {
  for_each_pack<pack>(tiles, [&](int64_t row, int64_t column) {
    const int64_t end = column + pack < tiles.width ? column + pack : tiles.width;
    if (vectors && end - column == pack) {
      map_loaded<pack>(f, y, row, column, x.template load<pack>(row, column)...);
    } else {
#pragma unroll 1
      for (; column < end; column++) map_loaded<1>(f, y, row, column, x.template load<1>(row, column)...);
    }
  });
}

// The most elements that every access can move in 16 bytes.
template <class... T>
constexpr int pack_of() {
  return 16 / static_cast<int>(std::max({sizeof(T)...}));
}

template <class F, class Y, class... X>
void map(const Cuda& cuda, const F& f, Y y, int64_t rows, int64_t width, const X&... x) {
  if (rows == 0 || width == 0) return;
  constexpr int pack = pack_of<typename Y::Element, typename X::Element...>();
  if (rows > 1 && y.flat(width) && (x.flat(width) && ...)) {
    width *= rows;
    rows = 1;
  }
  const bool vectors = y.template aligned<pack>(rows) && (x.template aligned<pack>(rows) && ...);
  const Tiles tiles = tiles_for(rows, width, pack);
  launch(map_kernel<pack, F, Y, X...>, grid_for(cuda, tiles, pack), tile_threads, 0, cuda.stream, tiles,
         vectors, f, y, x...);
}

}  // namespace athanor
