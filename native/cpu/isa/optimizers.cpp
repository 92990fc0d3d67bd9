// One step of AdamW (Loshchilov and Hutter, 2019), SGD, Adagrad and RMSProp, in the order of PyTorch's
// operations.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {

namespace {

// The squares of a vector's lanes, in double, where they are exact.
ATHANOR_INLINE vd squares_of(vf x) {
  float lane[W];
  store(lane, x);
  vd low = __builtin_convertvector(*reinterpret_cast<const vf_half_any*>(lane), vd);
  vd high = __builtin_convertvector(*reinterpret_cast<const vf_half_any*>(lane + W / 2), vd);
  return low * low + high * high;
}

template <bool with_squares>
ATHANOR_INLINE double adamw_with(float* p, const float* g, float* m, float* v, size_t n,
                                 const AdamwStep& step) {
  float decay = 1.0f - step.learning_rate * step.weight_decay;
  float size = step.learning_rate / step.bias_correction1;
  float root = __builtin_sqrtf(step.bias_correction2);
  float rate1 = step.one_minus_beta1, rate2 = step.one_minus_beta2;
  float beta2 = step.beta2, eps = step.eps, clip = step.gradient_scale;
  auto one = [=](vf gradient, vf& parameter, vf& first, vf& second) {
    gradient *= clip;
    first += (gradient - first) * rate1;
    second = second * beta2 + gradient * gradient * rate2;
    parameter = parameter * decay - first * size / (square_root(second) / root + eps);
  };
  vd squares{};
  for_vectors(
      n,
      [&](size_t i) {
        vf gradient = load(g + i), parameter = load(p + i), first = load(m + i), second = load(v + i);
        if (with_squares) squares += squares_of(gradient);
        one(gradient, parameter, first, second);
        store(p + i, parameter);
        store(m + i, first);
        store(v + i, second);
      },
      [&](size_t i, size_t lanes) {
        vf parameter = load_part(p + i, lanes), first = load_part(m + i, lanes);
        vf gradient = load_part(g + i, lanes), second = load_part(v + i, lanes);
        if (with_squares) squares += squares_of(gradient);
        one(gradient, parameter, first, second);
        store_part(p + i, parameter, lanes);
        store_part(m + i, first, lanes);
        store_part(v + i, second, lanes);
      });
  return sum_lanes(squares);
}

template <bool nesterov, bool first>
ATHANOR_INLINE void sgd_with_momentum(float* p, const float* g, float* buffer, size_t n,
                                      const SgdStep& step) {
  float rate = step.learning_rate, momentum = step.momentum, damped = 1.0f - step.dampening;
  float decay = step.weight_decay, clip = step.gradient_scale;
  auto one = [=](vf gradient, vf& parameter, vf& velocity) {
    gradient = gradient * clip + parameter * decay;
    velocity = first ? gradient : velocity * momentum + gradient * damped;
    parameter -= (nesterov ? gradient + velocity * momentum : velocity) * rate;
  };
  // What a first step finds in the buffer is not read: it may be anything.
  for_vectors(
      n,
      [&](size_t i) {
        vf parameter = load(p + i), velocity = first ? vf{} : load(buffer + i);
        one(load(g + i), parameter, velocity);
        store(p + i, parameter);
        store(buffer + i, velocity);
      },
      [&](size_t i, size_t lanes) {
        vf parameter = load_part(p + i, lanes), velocity = first ? vf{} : load_part(buffer + i, lanes);
        one(load_part(g + i, lanes), parameter, velocity);
        store_part(p + i, parameter, lanes);
        store_part(buffer + i, velocity, lanes);
      });
}

template <bool momentum, bool centered>
ATHANOR_INLINE void rmsprop_with(float* p, const float* g, float* square, float* buffer, float* mean,
                                 size_t n, const RmspropStep& step) {
  float rate = step.learning_rate, decay = step.weight_decay, clip = step.gradient_scale;
  float alpha = step.alpha, fresh = step.one_minus_alpha, eps = step.eps, inertia = step.momentum;
  auto one = [=](vf gradient, vf& parameter, vf& second, vf& velocity, vf& first) {
    gradient = gradient * clip + parameter * decay;
    second = second * alpha + gradient * gradient * fresh;
    if (centered) first += (gradient - first) * fresh;
    vf direction = gradient / (square_root(centered ? second - first * first : second) + eps);
    if (momentum) direction = velocity = velocity * inertia + direction;
    parameter -= direction * rate;
  };
  for_vectors(
      n,
      [&](size_t i) {
        vf parameter = load(p + i), second = load(square + i);
        vf velocity = momentum ? load(buffer + i) : vf{}, first = centered ? load(mean + i) : vf{};
        one(load(g + i), parameter, second, velocity, first);
        store(p + i, parameter);
        store(square + i, second);
        if (momentum) store(buffer + i, velocity);
        if (centered) store(mean + i, first);
      },
      [&](size_t i, size_t lanes) {
        vf parameter = load_part(p + i, lanes), second = load_part(square + i, lanes);
        vf velocity = momentum ? load_part(buffer + i, lanes) : vf{};
        vf first = centered ? load_part(mean + i, lanes) : vf{};
        one(load_part(g + i, lanes), parameter, second, velocity, first);
        store_part(p + i, parameter, lanes);
        store_part(square + i, second, lanes);
        if (momentum) store_part(buffer + i, velocity, lanes);
        if (centered) store_part(mean + i, first, lanes);
      });
}

}  // namespace

void adamw(float* p, const float* g, float* m, float* v, size_t n, const AdamwStep& step, double* squares) {
  if (squares == nullptr) {
    adamw_with<false>(p, g, m, v, n, step);
  } else {
    *squares = adamw_with<true>(p, g, m, v, n, step);
  }
}

void sgd(float* p, const float* g, float* buffer, size_t n, const SgdStep& step) {
  if (buffer == nullptr) {
    float rate = step.learning_rate, decay = step.weight_decay, clip = step.gradient_scale;
    return map(p, g, p, n, [=](vf gradient, vf parameter) {
      return parameter - (gradient * clip + parameter * decay) * rate;
    });
  }
  if (step.nesterov) {
    return step.first ? sgd_with_momentum<true, true>(p, g, buffer, n, step)
                      : sgd_with_momentum<true, false>(p, g, buffer, n, step);
  }
  return step.first ? sgd_with_momentum<false, true>(p, g, buffer, n, step)
                    : sgd_with_momentum<false, false>(p, g, buffer, n, step);
}

void adagrad(float* p, const float* g, float* sum, size_t n, const AdagradStep& step) {
  float rate = step.learning_rate, decay = step.weight_decay, clip = step.gradient_scale, eps = step.eps;
  auto one = [=](vf gradient, vf& parameter, vf& total) {
    gradient = gradient * clip + parameter * decay;
    total += gradient * gradient;
    parameter -= gradient / (square_root(total) + eps) * rate;
  };
  for_vectors(
      n,
      [&](size_t i) {
        vf parameter = load(p + i), total = load(sum + i);
        one(load(g + i), parameter, total);
        store(p + i, parameter);
        store(sum + i, total);
      },
      [&](size_t i, size_t lanes) {
        vf parameter = load_part(p + i, lanes), total = load_part(sum + i, lanes);
        one(load_part(g + i, lanes), parameter, total);
        store_part(p + i, parameter, lanes);
        store_part(sum + i, total, lanes);
      });
}

void rmsprop(float* p, const float* g, float* square, float* buffer, float* mean, size_t n,
             const RmspropStep& step) {
  if (buffer != nullptr) {
    return mean != nullptr ? rmsprop_with<true, true>(p, g, square, buffer, mean, n, step)
                           : rmsprop_with<true, false>(p, g, square, buffer, mean, n, step);
  }
  return mean != nullptr ? rmsprop_with<false, true>(p, g, square, buffer, mean, n, step)
                         : rmsprop_with<false, false>(p, g, square, buffer, mean, n, step);
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
