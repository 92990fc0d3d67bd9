#include "cuda/activations.h"
#include "cuda/map.h"
#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {

template <class F>
struct Value {
  __device__ float operator()(float x) const { return F::value(x); }
};

// `kept` is the one of x and y = f(x) that F reads.
template <class F>
struct Gradient {
  __device__ float operator()(float dy, float kept) const { return F::gradient(dy, kept, kept); }
};

}  // namespace

template <class T>
void function_forward(Cuda cuda, const FunctionForward<T>& a) {
  with_function(a.function, [&](auto f) {
    map(cuda, Value<decltype(f)>{}, Target<T>{a.y, a.n}, 1, a.n, elements(a.x, a.n));
  });
}

template <class T>
void function_backward(Cuda cuda, const FunctionBackward<T>& a) {
  with_function(a.function, [&](auto f) {
    using F = decltype(f);
    map(cuda, Gradient<F>{}, Target<T>{a.dx, a.n}, 1, a.n, elements(a.dy, a.n),
        elements(F::from_result ? a.y : a.x, a.n));
  });
}

template void function_forward(Cuda, const FunctionForward<float>&);
template void function_forward(Cuda, const FunctionForward<bf16>&);
template void function_backward(Cuda, const FunctionBackward<float>&);
template void function_backward(Cuda, const FunctionBackward<bf16>&);

}  // namespace athanor
