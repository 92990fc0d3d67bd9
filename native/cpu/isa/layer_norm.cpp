// One row of layer normalisation, forward and backward. The row stays in cache between the passes.
#include "cpu/isa/isa.h"
#include "cpu/isa/reduce.h"

namespace athanor {
namespace ATHANOR_ISA {

void layer_norm(float* y, float* sum, const float* x, const float* residual, const float* weight,
                const float* bias, size_t n, float eps, float* mean, float* rstd) {
  if (n == 0) return;
  const float* s = x;
  if (residual != nullptr) {
    float* both = sum != nullptr ? sum : y;
    map(both, x, residual, n, [](vf a, vf b) { return a + b; });
    s = both;
  } else if (sum != nullptr && sum != x) {
    memcpy(sum, x, n * sizeof(float));
  }
  float center = static_cast<float>(sum_row(s, n) / static_cast<double>(n));
  double squares = sum_of(
      n,
      [&](size_t i) {
        vf d = load(s + i) - center;
        return d * d;
      },
      [&](size_t i, size_t lanes) {
        vf d = load_part(s + i, lanes, center) - center;
        return d * d;
      });
  float spread = 1.0f / __builtin_sqrtf(static_cast<float>(squares / static_cast<double>(n)) + eps);
  if (weight == nullptr) {
    map(y, s, n, [=](vf v) { return (v - center) * spread; });
  } else if (bias == nullptr) {
    map(y, s, weight, n, [=](vf v, vf w) { return (v - center) * spread * w; });
  } else {
    for_vectors(
        n,
        [&](size_t i) { store(y + i, (load(s + i) - center) * spread * load(weight + i) + load(bias + i)); },
        [&](size_t i, size_t lanes) {
          vf v = (load_part(s + i, lanes) - center) * spread * load_part(weight + i, lanes);
          store_part(y + i, v + load_part(bias + i, lanes), lanes);
        });
  }
  if (mean != nullptr) *mean = center;
  if (rstd != nullptr) *rstd = spread;
}

void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* s,
                         const float* weight, size_t n, float mean, float rstd) {
  if (n == 0) return;
  // dy weight, and the normalised input.
  auto weighted = [&](size_t i) {
    vf d = load(dy + i);
    return weight == nullptr ? d : d * load(weight + i);
  };
  auto weighted_part = [&](size_t i, size_t lanes) {
    vf d = load_part(dy + i, lanes);
    return weight == nullptr ? d : d * load_part(weight + i, lanes);
  };
  auto normal = [&](size_t i) { return (load(s + i) - mean) * rstd; };
  auto normal_part = [&](size_t i, size_t lanes) { return (load_part(s + i, lanes, mean) - mean) * rstd; };

  double count = static_cast<double>(n);
  float first = static_cast<float>(sum_of(n, weighted, weighted_part) / count);
  float second = static_cast<float>(
      sum_of(
          n, [&](size_t i) { return weighted(i) * normal(i); },
          [&](size_t i, size_t lanes) { return weighted_part(i, lanes) * normal_part(i, lanes); }) /
      count);
  for_vectors(
      n,
      [&](size_t i) {
        vf d = load(dy + i), v = normal(i), w = weighted(i);
        if (dweight != nullptr) store(dweight + i, load(dweight + i) + d * v);
        if (dbias != nullptr) store(dbias + i, load(dbias + i) + d);
        store(dx + i, (w - first - v * second) * rstd);
      },
      [&](size_t i, size_t lanes) {
        vf d = load_part(dy + i, lanes), v = normal_part(i, lanes), w = weighted_part(i, lanes);
        if (dweight != nullptr) store_part(dweight + i, load_part(dweight + i, lanes) + d * v, lanes);
        if (dbias != nullptr) store_part(dbias + i, load_part(dbias + i, lanes) + d, lanes);
        store_part(dx + i, (w - first - v * second) * rstd, lanes);
      });
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
