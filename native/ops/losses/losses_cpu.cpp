#include <atomic>
#include <cmath>

#include "ops/losses/losses.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

constexpr int64_t block = 8192;  // elements per job

using Forward = LossForward<float, float>;
using Backward = LossBackward<float, float>;

std::string position_text(int64_t index, const Shape& shape) {
  Shape position = shape;
  for (int i = shape.rank - 1; i >= 0; i--) {
    position.dims[i] = index % shape[i];
    index /= shape[i];
  }
  return position.text();
}

void check_target(const Forward& a, const char* op) {
  std::atomic<bool> found{false};
  parallel_ranges(static_cast<size_t>(a.n), static_cast<size_t>(sum_block),
                  [&](size_t begin, size_t end, Worker&) {
                    int any = 0;
                    for (size_t i = begin; i < end; i++) any |= a.target[i] != a.target[i];
                    if (any) found = true;
                  });
  if (!found) return;
  for (int64_t i = 0; i < a.n; i++) {
    if (std::isnan(a.target[i])) fail_target(op, i, a.shape);
  }
}

// Writes the losses, or reduces sums(begin, end), which gives the sum over a range.
template <class Each, class Sums>
void reduce_losses(const Forward& a, const Each& each, const Sums& sums) {
  if (a.reduction == Reduction::none) {
    parallel_ranges(static_cast<size_t>(a.n), static_cast<size_t>(block),
                    [&](size_t begin, size_t end, Worker&) {
                      each(static_cast<int64_t>(begin), static_cast<int64_t>(end));
                    });
    return;
  }
  double total =
      sum_in_blocks(a.n, block, [&](int64_t begin, int64_t end, Worker&) { return sums(begin, end); });
  *a.loss = static_cast<float>(a.reduction == Reduction::mean ? total / static_cast<double>(a.n) : total);
}

double factor_of(const Backward& a) {
  if (a.reduction == Reduction::none) return 1.0;
  return static_cast<double>(*a.dloss) / (a.reduction == Reduction::mean ? static_cast<double>(a.n) : 1.0);
}

// softplus(x) = max(x, 0) + log(1 + exp(-|x|)): no overflow, and exact where it is small. softplus(-x) shares
// the logarithm.
double bce(const Forward& a, int64_t i) {
  double x = static_cast<double>(a.x[i]), t = static_cast<double>(a.target[i]);
  if (std::isnan(x)) return x;  // fmax would pass over it
  double weight = a.weight ? static_cast<double>(a.weight[i % a.width]) : 1.0;
  double rest = std::log1p(std::exp(-std::fabs(x)));
  return (1.0 - t) * (std::fmax(x, 0.0) + rest) + weight * t * (std::fmax(-x, 0.0) + rest);
}

// (1 - t) sigmoid(x) - w t sigmoid(-x): unlike 1 - t - ..., no digits cancel for a confident prediction.
double bce_slope(double x, double t, double weight) {
  double e = std::exp(-std::fabs(x)), high = 1.0 / (1.0 + e), low = e * high;
  return (1.0 - t) * (x < 0 ? low : high) - weight * t * (x < 0 ? high : low);
}

}  // namespace

void fail_target(const char* op, int64_t index, const Shape& shape) {
  throw Error(ErrorCode::data,
              std::string(op) + ": target must be a number, got NaN at " + position_text(index, shape));
}

void mse_forward(Cpu, const LossForward<float, float>& a) {
  const Kernels& k = kernels();
  check_target(a, "mse");
  reduce_losses(
      a,
      [&](int64_t begin, int64_t end) {
        size_t n = static_cast<size_t>(end - begin);
        k.arithmetic(Arithmetic::subtract, a.loss + begin, a.x + begin, a.target + begin, n);
        k.arithmetic(Arithmetic::multiply, a.loss + begin, a.loss + begin, a.loss + begin, n);
      },
      [&](int64_t begin, int64_t end) {
        double total = 0;
        float difference[sum_stretch];
        for (int64_t i = begin; i < end; i += sum_stretch) {
          size_t n = static_cast<size_t>(std::min(sum_stretch, end - i));
          k.arithmetic(Arithmetic::subtract, difference, a.x + i, a.target + i, n);
          total += k.sum_squares(difference, n);
        }
        return total;
      });
}

void mse_backward(Cpu, const LossBackward<float, float>& a) {
  const Kernels& k = kernels();
  float scale = static_cast<float>(2.0 * factor_of(a));
  parallel_ranges(static_cast<size_t>(a.n), static_cast<size_t>(block),
                  [&](size_t begin, size_t end, Worker&) {
                    size_t n = end - begin;
                    k.arithmetic(Arithmetic::subtract, a.dx + begin, a.x + begin, a.target + begin, n);
                    k.scale(a.dx + begin, scale, a.dx + begin, n);
                    if (a.reduction == Reduction::none)
                      k.arithmetic(Arithmetic::multiply, a.dx + begin, a.dx + begin, a.dloss + begin, n);
                  });
}

void bce_with_logits_forward(Cpu, const LossForward<float, float>& a) {
  check_target(a, "bce_with_logits");
  reduce_losses(
      a,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) a.loss[i] = static_cast<float>(bce(a, i));
      },
      [&](int64_t begin, int64_t end) {
        double total = 0;
        for (int64_t i = begin; i < end; i++) total += bce(a, i);
        return total;
      });
}

void bce_with_logits_backward(Cpu, const LossBackward<float, float>& a) {
  double factor = factor_of(a);
  parallel_ranges(
      static_cast<size_t>(a.n), static_cast<size_t>(block), [&](size_t begin, size_t end, Worker&) {
        for (size_t i = begin; i < end; i++) {
          double x = static_cast<double>(a.x[i]), t = static_cast<double>(a.target[i]);
          double weight = a.weight ? static_cast<double>(a.weight[i % static_cast<size_t>(a.width)]) : 1.0;
          double each = a.reduction == Reduction::none ? static_cast<double>(a.dloss[i]) : factor;
          a.dx[i] = static_cast<float>(bce_slope(x, t, weight) * each);
        }
      });
}

}  // namespace athanor
