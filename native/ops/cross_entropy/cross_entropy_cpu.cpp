#include <cmath>

#include "ops/cross_entropy/cross_entropy.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

size_t grain(int64_t classes) {
  return static_cast<size_t>(4096 / (classes + 1) + 1);
}

bool counted(const CrossEntropyRows<float>& in, int64_t row) {
  return in.labels.data[row] != in.options.ignore_index;
}

float weight_of(const CrossEntropyRows<float>& in, int64_t c) {
  return in.weight ? in.weight[c] : 1.0f;
}

void check_labels(const CrossEntropyRows<float>& in) {
  for (int64_t row = 0; row < in.rows; row++) {
    int64_t label = in.labels.data[row];
    if (label != in.options.ignore_index && (label < 0 || label >= in.classes)) {
      throw Error(ErrorCode::data, "cross_entropy: label " + std::to_string(label) + " outside 0.." +
                                       std::to_string(in.classes - 1));
    }
  }
}

// What a sum is divided by: the weights of the labels of counted rows.
double divisor(const CrossEntropyRows<float>& in) {
  if (in.options.reduction != Reduction::mean) return 1.0;
  double total = 0;
  for (int64_t row = 0; row < in.rows; row++) {
    if (counted(in, row)) total += static_cast<double>(weight_of(in, in.labels.data[row]));
  }
  return total;
}

double weight_sum(const CrossEntropyRows<float>& in) {
  return in.weight ? sum_run(in.weight, in.classes) : static_cast<double>(in.classes);
}

// sum over c of w[c] (max - x[c]), in stretches: the differences are exact where the sums would not be.
double smoothed_distance(const CrossEntropyRows<float>& in, const float* x, float max) {
  const Kernels& k = kernels();
  float distance[sum_stretch];
  double total = 0;
  for (int64_t first = 0; first < in.classes; first += sum_stretch) {
    size_t n = static_cast<size_t>(std::min(sum_stretch, in.classes - first));
    k.scalar_arithmetic(Arithmetic::subtract, distance, max, x + first, n);
    total += static_cast<double>(in.weight ? k.dot(distance, in.weight + first, n) : k.sum(distance, n));
  }
  return total;
}

double row_loss(const CrossEntropyRows<float>& in, int64_t row, double weights, float* statistics) {
  if (!counted(in, row)) return 0.0;
  const Kernels& k = kernels();
  const float* x = in.logits + row * in.stride;
  size_t n = static_cast<size_t>(in.classes);
  float max = k.maximum(x, n), sum = k.exp_sum(nullptr, x, max, n);
  if (statistics) {
    statistics[row * 2] = max;
    statistics[row * 2 + 1] = sum;
  }
  double log_sum = std::log(static_cast<double>(sum)), smoothing = static_cast<double>(in.options.smoothing);
  int64_t label = in.labels.data[row];
  double loss = static_cast<double>(weight_of(in, label)) *
                (log_sum + (static_cast<double>(max) - static_cast<double>(x[label])));
  if (smoothing == 0) return loss;  // a masked logit of -inf must not meet a factor of 0
  double all = weights * log_sum + smoothed_distance(in, x, max);
  return (1.0 - smoothing) * loss + smoothing / static_cast<double>(in.classes) * all;
}

}  // namespace

void cross_entropy_forward(Cpu, const CrossEntropyForward<float>& a) {
  const CrossEntropyRows<float>& in = a.in;
  check_labels(in);
  double weights = weight_sum(in);
  std::vector<double> losses(static_cast<size_t>(in.rows));
  parallel_ranges(losses.size(), grain(in.classes), [&](size_t begin, size_t end, Worker&) {
    for (size_t row = begin; row < end; row++)
      losses[row] = row_loss(in, static_cast<int64_t>(row), weights, a.statistics);
  });
  if (in.options.reduction == Reduction::none) {
    for (size_t row = 0; row < losses.size(); row++) a.loss[row] = static_cast<float>(losses[row]);
    return;
  }
  double total = 0;
  for (double loss : losses) total += loss;
  *a.loss = static_cast<float>(total / divisor(in));
}

void cross_entropy_backward(Cpu, const CrossEntropyBackward<float>& a) {
  const CrossEntropyRows<float>& in = a.in;
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(in.classes);
  const bool each = in.options.reduction == Reduction::none;
  const double smoothing = static_cast<double>(in.options.smoothing),
               spread = smoothing / static_cast<double>(in.classes);
  const double weights = weight_sum(in), by = divisor(in);
  parallel_ranges(static_cast<size_t>(in.rows), grain(in.classes), [&](size_t begin, size_t end, Worker&) {
    for (size_t row = begin; row < end; row++) {
      float* dx = a.dlogits + row * n;
      if (!counted(in, static_cast<int64_t>(row))) {
        k.fill(dx, 0.0f, n);
        continue;
      }
      const float* x = in.logits + static_cast<int64_t>(row) * in.stride;
      double factor = static_cast<double>(each ? a.dloss[row] : *a.dloss) / by;
      int32_t label = in.labels.data[row];
      double own = (1.0 - smoothing) * static_cast<double>(weight_of(in, label));
      k.exp_sum(dx, x, a.statistics[row * 2], n);
      double scale = factor * (own + spread * weights) / static_cast<double>(a.statistics[row * 2 + 1]);
      k.scale(dx, static_cast<float>(scale), dx, n);
      if (smoothing != 0) {
        float even = static_cast<float>(factor * spread);
        if (in.weight) {
          k.axpy(dx, -even, in.weight, n);
        } else {
          k.arithmetic_scalar(Arithmetic::subtract, dx, dx, even, n);
        }
      }
      dx[label] -= static_cast<float>(factor * own);
    }
  });
}

}  // namespace athanor
