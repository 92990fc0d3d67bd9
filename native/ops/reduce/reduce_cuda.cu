#include "cuda/sums.h"
#include "ops/reduce/reduce.h"

namespace athanor {

namespace {

struct Itself {
  __device__ float operator()(float x) const { return x; }
};

struct Times {
  float scale;
  __device__ float operator()(float dy) const { return scale * dy; }
};

}  // namespace

template <class T>
void sum_forward(Cuda cuda, const SumForward<T>& a) {
  if (a.inner == 1) {
    sum_rows(cuda, Itself{}, a.y, a.scale, a.outer, 1, a.n, elements(a.x, a.n));
  } else {
    sum_columns(cuda, Itself{}, a.y, a.scale, a.outer, a.n, a.inner, elements(a.x, a.inner));
  }
}

template <class T>
void sum_backward(Cuda cuda, const SumBackward<T>& a) {
  if (a.inner == 1) {
    map(cuda, Times{a.scale}, Target<T>{a.dx, a.n}, a.outer, a.n, number_per_row(a.dy, 1));
    return;
  }
  map(cuda, Times{a.scale}, Target<T>{a.dx, a.inner}, a.outer * a.n, a.inner,
      Repeated<T>{a.dy, a.inner, a.n});
}

template void sum_forward(Cuda, const SumForward<float>&);
template void sum_forward(Cuda, const SumForward<bf16>&);
template void sum_backward(Cuda, const SumBackward<float>&);
template void sum_backward(Cuda, const SumBackward<bf16>&);

}  // namespace athanor
