// adamw, sgd, adagrad, rmsprop and the gradient norm on CUDA against the CPU's: the op `optimizer` of
// kernel_check.
#include <cmath>
#include <limits>
#include <memory>

#include "cuda/check/kernel_check.h"
#include "ops/optimizer/optimizer.h"

namespace athanor {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr Tolerance close{1e-7, 2e-6};
// RMSProp's momentum adds a direction of up to 5 to a buffer of up to 4, and where they cancel the roundings
// of both stay: about four of 6e-8 in the direction (spread, root, divisor, quotient), on compilers that fuse
// and on others.
constexpr Tolerance close_to_direction{1e-6, 2e-6};
constexpr float untouched = -77.0f;  // what buffers hold that nobody may read

// Elements that lie before the arrays on the device: of parameter and state, the gradient, the bf16
// parameter.
struct Shifts {
  size_t state = 0, gradient = 0, rounded = 0;
};

// A parameter on both sides.
struct Parameter {
  std::vector<float> p, g, m, v, mean;
  DeviceArray<float> device_p, device_g, device_m, device_v, device_mean;
  std::unique_ptr<DeviceArray<bf16>> rounded;
  float learning_rate, weight_decay;
  bool first = false, momentum = true, centered = true;

  Parameter(KernelCheck& check, size_t n, Shifts shifts, bool mixed)
      : p(check.random.normals(n)),
        g(check.random.normals(n)),
        m(check.random.normals(n)),
        v(check.random.floats(n, 1, 2)),
        mean(check.random.floats(n, -0.5f, 0.5f)),
        device_p(p, shifts.state),
        device_g(g, shifts.gradient),
        device_m(m, shifts.state),
        device_v(v, shifts.state),
        device_mean(mean, shifts.state),
        learning_rate(check.random.uniform(1e-4f, 1e-1f)),
        weight_decay(check.random.uniform(0, 0.1f)) {
    if (mixed) rounded = std::make_unique<DeviceArray<bf16>>(n, shifts.rounded);
  }

  OptimizerSlot on_host() {
    return {p.data(),
            g.data(),
            momentum ? m.data() : nullptr,
            v.data(),
            centered ? mean.data() : nullptr,
            nullptr,
            static_cast<int64_t>(p.size()),
            learning_rate,
            weight_decay,
            first};
  }
  OptimizerSlot on_device() {
    return {device_p.data(),
            device_g.data(),
            momentum ? device_m.data() : nullptr,
            device_v.data(),
            centered ? device_mean.data() : nullptr,
            rounded ? rounded->data() : nullptr,
            static_cast<int64_t>(p.size()),
            learning_rate,
            weight_decay,
            first};
  }
};

using Parameters = std::vector<std::unique_ptr<Parameter>>;

// Sizes around the four elements of an access, a block's round of them and a piece.
Parameters parameters_of(KernelCheck& check, const std::vector<size_t>& sizes, bool mixed,
                         Shifts shifts = {}) {
  Parameters parameters;
  for (size_t n : sizes) parameters.push_back(std::make_unique<Parameter>(check, n, shifts, mixed));
  return parameters;
}

const std::vector<size_t> sizes{1, 8191, 0, 3, 4, 5, 8192, 1023, 1024, 1025, 8193, 0, 20000, 7};

struct Slots {
  std::vector<OptimizerSlot> host, device;
};

Slots slots_of(Parameters& parameters) {
  Slots slots;
  for (auto& parameter : parameters) {
    slots.host.push_back(parameter->on_host());
    slots.device.push_back(parameter->on_device());
  }
  return slots;
}

void compare(KernelCheck& check, Parameters& parameters, Tolerance first_state) {
  for (auto& one : parameters) {
    const std::string of = " of " + std::to_string(one->p.size()) + " elements";
    const std::vector<float> p = one->device_p.floats();
    check.close("parameter" + of, p, one->p, close);
    if (one->rounded) check.same("bf16 parameter" + of, one->rounded->floats(), rounded_to<bf16>(p));
    check.close("first state" + of, one->device_m.floats(), one->m, first_state);
    check.close("second state" + of, one->device_v.floats(), one->v, close);
    check.close("third state" + of, one->device_mean.floats(), one->mean, close);
    check.same("gradient" + of, one->device_g.floats(), one->g);
  }
}

AdamwStep adamw_step(int step) {
  AdamwStep s{};
  s.beta1 = 0.9f, s.beta2 = 0.999f, s.eps = 1e-8f;
  s.one_minus_beta1 = static_cast<float>(1.0 - 0.9), s.one_minus_beta2 = static_cast<float>(1.0 - 0.999);
  s.bias_correction1 = static_cast<float>(1.0 - std::pow(0.9, step));
  s.bias_correction2 = static_cast<float>(1.0 - std::pow(0.999, step));
  return s;
}

// One update on both sides, with clipping to max_norm or (0) the sum of squares; then compares.
template <class Update, class Step>
void check_update(KernelCheck& check, Parameters& parameters, const Step& step, float max_norm,
                  bool skip = false) {
  Slots slots = slots_of(parameters);
  std::vector<float> norm(1);
  std::vector<double> squares(1);
  gradient_norm(Cpu{}, GradientNorm{slots.host, norm.data()});
  DeviceArray<float> device_norm(1);
  DeviceArray<double> device_squares(1);
  gradient_norm(check.cuda, GradientNorm{slots.device, device_norm.data()});
  check.close("norm", device_norm.floats(), norm, {0, 1e-6});
  const bool clipped = max_norm > 0 || skip;
  const auto run = [&](auto device, const std::vector<OptimizerSlot>& list, float* n, double* sum) {
    const Clipping clipping{max_norm, clipped ? n : nullptr, clipped ? nullptr : sum, skip};
    if constexpr (std::is_same_v<Step, AdamwStep>) adamw_update(device, Update{list, clipping, step});
    if constexpr (std::is_same_v<Step, SgdStep>) sgd_update(device, Update{list, clipping, step});
    if constexpr (std::is_same_v<Step, AdagradStep>) adagrad_update(device, Update{list, clipping, step});
    if constexpr (std::is_same_v<Step, RmspropStep>) rmsprop_update(device, Update{list, clipping, step});
  };
  run(Cpu{}, slots.host, norm.data(), squares.data());
  run(check.cuda, slots.device, device_norm.data(), device_squares.data());
  compare(check, parameters, std::is_same_v<Step, RmspropStep> ? close_to_direction : close);
  if (clipped) return;
  check.close("squares", device_squares.download(), squares, {0, 1e-12});
  norm_of_squares(check.cuda, NormOfSquares{device_squares.data(), 1, device_norm.data()});
  check.close("norm of squares", device_norm.floats(), norm, {0, 1e-6});
}

void check_adamw(KernelCheck& check, Parameters& parameters, float max_norm, int step = 3) {
  check_update<AdamwUpdate>(check, parameters, adamw_step(step), max_norm);
}

void check_sgd(KernelCheck& check, Parameters& parameters, const SgdStep& step, float max_norm) {
  check_update<SgdUpdate>(check, parameters, step, max_norm);
}

KERNEL_CHECK(optimizer, "adamw: parameters of all sizes, clipped and not, three steps") {
  for (bool mixed : {false, true}) {
    Parameters parameters = parameters_of(check, sizes, mixed);
    check_adamw(check, parameters, 1.0f, 1);
    check_adamw(check, parameters, 0.0f, 2);
    check_adamw(check, parameters, 1e6f, 3);  // longer than the gradients: they stay
  }
}

KERNEL_CHECK(optimizer, "adamw: addresses that are not aligned") {
  for (const Shifts& shifts : {Shifts{1, 1, 1}, Shifts{2, 0, 0}, Shifts{0, 3, 0}, Shifts{0, 0, 1}}) {
    Parameters parameters = parameters_of(check, {5000, 1, 9000}, true, shifts);
    check_adamw(check, parameters, 0.5f);
  }
}

KERNEL_CHECK(optimizer, "one parameter, none, and only empty ones") {
  for (const auto& list : std::vector<std::vector<size_t>>{{5}, {}, {0, 0}}) {
    Parameters parameters = parameters_of(check, list, false);
    check_adamw(check, parameters, 0.0f);
    check_adamw(check, parameters, 1.0f);
  }
}

KERNEL_CHECK(optimizer,
             "more parameters than a search finds in one step, more pieces than threads add at once") {
  std::vector<size_t> many(700, 3);
  many[350] = 40000;
  Parameters parameters = parameters_of(check, many, false);
  check_adamw(check, parameters, 1.0f);
}

KERNEL_CHECK(optimizer, "gradients that are not finite: as on the CPU") {
  for (float bad : {infinity, std::nanf(""), 1e30f}) {
    for (float max_norm : {0.0f, 1.0f}) {
      Parameters parameters = parameters_of(check, {6, 9}, true);
      parameters[1]->g[7] = bad;
      parameters[1]->device_g.upload(parameters[1]->g);
      check_adamw(check, parameters, max_norm);
    }
  }
}

KERNEL_CHECK(optimizer, "sgd: with and without momentum, nesterov, dampening") {
  const SgdStep plain{}, momentum{0, 0.9f, 0, 0, false, false, 0}, damped{0, 0.9f, 0.3f, 0, false, false, 0},
      nesterov{0, 0.9f, 0, 0, true, false, 0};
  for (const SgdStep& step : {plain, momentum, damped, nesterov}) {
    for (float max_norm : {0.0f, 1.0f}) {
      Parameters parameters = parameters_of(check, {1, 3, 4, 5, 8191, 8193}, max_norm == 0);
      for (auto& one : parameters) one->momentum = step.momentum != 0;
      check_sgd(check, parameters, step, max_norm);
    }
  }
}

KERNEL_CHECK(optimizer, "sgd: a first step does not read its buffer") {
  for (bool nesterov : {false, true}) {
    const SgdStep step{0, 0.9f, nesterov ? 0 : 0.3f, 0, nesterov, false, 0};
    Parameters parameters = parameters_of(check, {100, 70}, true);
    parameters[0]->first = true;
    parameters[0]->m.assign(100, untouched);
    parameters[0]->device_m.upload(std::vector<float>(100, std::nanf("")));
    check_sgd(check, parameters, step, 1.0f);
  }
}

KERNEL_CHECK(optimizer, "sgd: addresses that are not aligned") {
  Parameters parameters = parameters_of(check, {5000, 1, 9000}, true, {0, 1, 0});
  check_sgd(check, parameters, SgdStep{0, 0.9f, 0, 0, false, false, 0}, 0.5f);
}

KERNEL_CHECK(optimizer, "a step that must not be made of gradients that are not finite") {
  const auto update = [&](Parameters& parameters, float max_norm) {
    check_update<AdamwUpdate>(check, parameters, adamw_step(2), max_norm, true);
    check_update<SgdUpdate>(check, parameters, SgdStep{0, 0.9f, 0, 0, false, false, 0}, max_norm, true);
    check_update<AdagradUpdate>(check, parameters, AdagradStep{0, 1e-10f, 0, 0}, max_norm, true);
    check_update<RmspropUpdate>(check, parameters, RmspropStep{0, 0.9f, 0.1f, 1e-8f, 0.9f, 0, 0}, max_norm,
                                true);
  };
  for (float max_norm : {0.0f, 1.0f}) {
    for (float bad : {infinity, std::nanf("")}) {
      Parameters parameters = parameters_of(check, {6, 9}, false);
      parameters[1]->g[7] = bad;
      parameters[1]->device_g.upload(parameters[1]->g);
      const std::vector<float> before = parameters[0]->p;
      update(parameters, max_norm);
      check.same("parameter", parameters[0]->device_p.floats(), before);
    }
    Parameters sound = parameters_of(check, {6, 9}, true);
    const std::vector<float> before = sound[0]->p;
    update(sound, max_norm);
    const std::vector<int> unchanged{sound[0]->p == before};
    check.same("sound gradients change nothing", unchanged, std::vector<int>{0});
  }
}

KERNEL_CHECK(optimizer, "adagrad: all sizes, clipped and not, addresses that are not aligned") {
  for (const Shifts& shifts : {Shifts{}, Shifts{1, 0, 0}, Shifts{0, 3, 0}, Shifts{0, 0, 1}}) {
    for (float max_norm : {0.0f, 1.0f}) {
      Parameters parameters = parameters_of(check, {1, 3, 4, 5, 8191, 8193}, max_norm == 0, shifts);
      for (auto& one : parameters) one->momentum = one->centered = false;
      for (int step = 0; step < 2; step++) {
        check_update<AdagradUpdate>(check, parameters, AdagradStep{0, 1e-10f, 0, 0}, max_norm);
      }
    }
  }
}

KERNEL_CHECK(optimizer, "rmsprop: with and without momentum and centering, addresses that are not aligned") {
  for (int options = 0; options < 4; options++) {
    const RmspropStep step{0, 0.99f, static_cast<float>(1.0 - 0.99), 1e-8f, options & 1 ? 0.9f : 0.0f, 0, 0};
    for (const Shifts& shifts : {Shifts{}, Shifts{1, 0, 0}, Shifts{0, 3, 1}}) {
      for (float max_norm : {0.0f, 1.0f}) {
        Parameters parameters = parameters_of(check, {1, 3, 4, 5, 8191, 8193}, max_norm == 0, shifts);
        for (auto& one : parameters) one->momentum = options & 1, one->centered = options & 2;
        for (int i = 0; i < 2; i++) check_update<RmspropUpdate>(check, parameters, step, max_norm);
      }
    }
  }
}

KERNEL_CHECK(optimizer, "the norm of many squares, the same bits twice") {
  const std::vector<double> squares(1000, 0.25);
  DeviceArray<double> device(squares.size());
  device.upload(squares);
  DeviceArray<float> norm(1);
  norm_of_squares(check.cuda, NormOfSquares{device.data(), 1000, norm.data()});
  check.close("norm", norm.floats(), std::vector<double>{std::sqrt(250.0)}, {0, 1e-7});
  norm_of_squares(check.cuda, NormOfSquares{device.data(), 0, norm.data()});
  check.same("norm of none", norm.floats(), {0.0f});
  Parameters parameters = parameters_of(check, {100000, 33}, false);
  const Slots slots = slots_of(parameters);
  std::vector<float> first;
  for (int i = 0; i < 2; i++) {
    gradient_norm(check.cuda, GradientNorm{slots.device, norm.data()});
    if (i == 0) first = norm.floats();
  }
  check.same("norm again", norm.floats(), first);
}

}  // namespace
}  // namespace athanor
