// mse and bce_with_logits on the device against the CPU's.
#include <algorithm>

#include "cuda/check/row_cases.h"
#include "ops/losses/losses.h"

namespace athanor {
namespace {

struct LossCase {
  int64_t n, width = 0;  // width of the positive weights, 0: none
  bool bce = false, target_on_host = true;
  int off = 0;  // off an aligned address: 1 x, 2 the target, 4 what is written

  size_t offset(int which) const { return off & which ? 1 : 0; }
};

template <class Tag, class T, class U>
void forward(const LossCase& c, Tag tag, const LossForward<T, U>& a) {
  c.bce ? bce_with_logits_forward(tag, a) : mse_forward(tag, a);
}
template <class Tag, class T, class U>
void backward(const LossCase& c, Tag tag, const LossBackward<T, U>& a) {
  c.bce ? bce_with_logits_backward(tag, a) : mse_backward(tag, a);
}

template <class T, class U>
void check_reduction(KernelCheck& check, const LossCase& c, const RowsOnBoth<T>& x,
                     const RowsOnBoth<U>& target, Reduction reduction) {
  const std::string of =
      " of " + std::to_string(c.n) + ", reduction " + std::to_string(static_cast<int>(reduction));
  const size_t n = static_cast<size_t>(c.n), losses = reduction == Reduction::none ? n : 1;
  const int64_t width = std::max<int64_t>(c.width, 1);
  const RowsOnBoth<float> weight(check.random.floats(static_cast<size_t>(width), 0.5f, 3), width);
  const RowsOnBoth<float> dloss(check.random.floats(losses, 0.5f, 2), static_cast<int64_t>(losses));
  const std::vector<U> target_host = target.device.download();
  const DeviceArray<float> loss(losses, reduction == Reduction::none ? c.offset(4) : 0);
  forward(
      c, check.cuda,
      LossForward<T, U>{x.data(), target.data(), c.target_on_host ? target_host.data() : nullptr,
                        c.width ? weight.data() : nullptr, loss.data(), c.n, width, reduction, Shape{c.n}});
  std::vector<float> wanted(losses);
  forward(c, Cpu{},
          LossForward<float, float>{x.host.data(), target.host.data(), nullptr,
                                    c.width ? weight.host.data() : nullptr, wanted.data(), c.n, width,
                                    reduction, Shape{c.n}});
  check.close("loss" + of, loss.floats(), wanted, {1e-6, 1e-6});

  const DeviceArray<T> dx(n, c.offset(4));
  backward(c, check.cuda,
           LossBackward<T, U>{x.data(), target.data(), c.width ? weight.data() : nullptr, dloss.data(),
                              dx.data(), c.n, width, reduction});
  std::vector<float> wanted_dx(n);
  backward(
      c, Cpu{},
      LossBackward<float, float>{x.host.data(), target.host.data(), c.width ? weight.host.data() : nullptr,
                                 dloss.host.data(), wanted_dx.data(), c.n, width, reduction});
  // Slopes of bce cancel to 0 near their target; they are then rounded at the size of 1 / n.
  Tolerance tolerance = rounding<T>(1e-6);
  tolerance.absolute /= reduction == Reduction::mean ? static_cast<double>(std::max<int64_t>(c.n, 1)) : 1.0;
  check.close("dx" + of, dx.floats(), wanted_dx, tolerance);
}

template <class T, class U>
void check_all(KernelCheck& check, const LossCase& c) {
  const size_t n = static_cast<size_t>(c.n);
  const RowsOnBoth<T> x(check.random.floats(n, -9, 9), c.n, 0, c.offset(1));
  const RowsOnBoth<U> target(check.random.floats(n, c.bce ? 0 : -9, c.bce ? 1 : 9), c.n, 0, c.offset(2));
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_reduction<T, U>(check, c, x, target, reduction);
  }
}

// A block of 256 threads takes 4 elements of each at once, and four of those.
KERNEL_CHECK(losses, "any number of elements") {
  for (int64_t n : {0, 1, 3, 4, 5, 1023, 1024, 1025, 4095, 4097, 8192, 12291}) {
    for (bool bce : {false, true}) {
      check_all<float, float>(check, {n, 0, bce});
      check_all<bf16, bf16>(check, {n, 0, bce, false});
    }
  }
}

KERNEL_CHECK(losses, "mixed element types, addresses off, positive weights") {
  for (int64_t n : {7, 4200}) {
    for (bool bce : {false, true}) {
      check_all<float, bf16>(check, {n, 0, bce, true});
      check_all<bf16, float>(check, {n, 0, bce, false, 7});
    }
  }
  check_all<float, float>(check, {4200, 1, true, true, 7});
  for (int off : {1, 2, 4}) check_all<float, float>(check, {4200, 0, false, false, off});
  check_all<float, float>(check, {4200, 7, true, false});
  check_all<bf16, bf16>(check, {4200, 1050, true, true});
}

KERNEL_CHECK(losses, "infinities and NaN in x") {
  const std::vector<float> x = {INFINITY, -INFINITY, NAN, 200, -200, 1, 2, 3};
  const std::vector<float> target = {1, 0, 0.5f, 0, 1, 1, 0, 0.25f};
  for (bool bce : {false, true}) {
    check_reduction<float, float>(check, {8, 0, bce}, {x, 8}, {target, 8}, Reduction::none);
    check_reduction<bf16, bf16>(check, {8, 0, bce}, {x, 8}, {target, 8}, Reduction::none);
    check_reduction<float, float>(check, {8, 0, bce}, {x, 8}, {target, 8}, Reduction::sum);
  }
}

template <class U>
void check_refusal(KernelCheck& check, int64_t n, int64_t at) {
  std::vector<float> target(static_cast<size_t>(n), 0.5f);
  target[static_cast<size_t>(at)] = NAN;
  target[static_cast<size_t>(n - 1)] = NAN;
  const RowsOnBoth<float> x(check, 1, n);
  const RowsOnBoth<U> on_device(target, n);
  const std::vector<U> host = on_device.device.download();
  const DeviceArray<float> loss(static_cast<size_t>(n));
  const std::string position = std::to_string(at / 2) + ", " + std::to_string(at % 2);
  for (Reduction reduction : {Reduction::mean, Reduction::none}) {
    for (const U* known : {host.data(), static_cast<const U*>(nullptr)}) {
      const LossForward<float, U> a{x.data(), on_device.data(), known,          nullptr, loss.data(), n,
                                    1,        reduction,        Shape{n / 2, 2}};
      check.fails("mse: target must be a number, got NaN at (" + position + ")",
                  [&] { mse_forward(check.cuda, a); });
      check.fails("bce_with_logits: target must be a number, got NaN at (" + position + ")",
                  [&] { bce_with_logits_forward(check.cuda, a); });
    }
  }
}

KERNEL_CHECK(losses, "the first target that is NaN is named") {
  for (int64_t at : {0, 1, 5, 9000, 9998}) check_refusal<float>(check, 10000, at);
  check_refusal<bf16>(check, 6, 4);
}

}  // namespace
}  // namespace athanor
