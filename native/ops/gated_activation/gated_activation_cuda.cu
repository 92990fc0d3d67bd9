#include "cuda/activations.h"
#include "cuda/map.h"
#include "ops/gated_activation/gated_activation.h"

namespace athanor {

namespace {

template <class F>
struct Gated {
  __device__ float operator()(float gate, float up) const { return F::value(gate) * up; }
};

struct BothGradients {
  float gate, up;
};

template <class F>
struct GatedGradient {
  __device__ BothGradients operator()(float dy, float gate, float up) const {
    const ValueSlope f = F::both(gate);
    return {dy * up * f.slope, dy * f.value};
  }
};

// Gradients side by side in the halves of each row.
template <class T>
struct Halves {
  using Element = T;
  Target<T> gate, up;

  template <int count>
  __device__ void store(int64_t row, int64_t column, const BothGradients (&values)[count]) const {
    float half[count];
    for (int i = 0; i < count; i++) half[i] = values[i].gate;
    gate.template store<count>(row, column, half);
    for (int i = 0; i < count; i++) half[i] = values[i].up;
    up.template store<count>(row, column, half);
  }

  template <int count>
  bool aligned(int64_t rows) const {
    return gate.template aligned<count>(rows) && up.template aligned<count>(rows);
  }
  bool flat(int64_t) const { return false; }
};

}  // namespace

template <class T>
void gated_forward(Cuda cuda, const GatedForward<T>& a) {
  with_activation(a.activation, [&](auto f) {
    map(cuda, Gated<decltype(f)>{}, Target<T>{a.y, a.width}, a.rows, a.width, elements(a.x, a.x_stride),
        elements(a.x + a.width, a.x_stride));
  });
}

template <class T>
void gated_backward(Cuda cuda, const GatedBackward<T>& a) {
  const Halves<T> dx{{a.dx, 2 * a.width}, {a.dx + a.width, 2 * a.width}};
  with_activation(a.activation, [&](auto f) {
    map(cuda, GatedGradient<decltype(f)>{}, dx, a.rows, a.width, elements(a.dy, a.dy_stride),
        elements(a.x, a.x_stride), elements(a.x + a.width, a.x_stride));
  });
}

template void gated_forward(Cuda, const GatedForward<float>&);
template void gated_forward(Cuda, const GatedForward<bf16>&);
template void gated_backward(Cuda, const GatedBackward<float>&);
template void gated_backward(Cuda, const GatedBackward<bf16>&);

}  // namespace athanor
