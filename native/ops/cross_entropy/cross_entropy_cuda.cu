// cross_entropy.h on CUDA: a warp per row up to 1024 classes, a block for more. Forward reads the logits once
// and keeps maximum and sum as it goes; backward reads them once and writes their gradient. Rows of any
// address: a vocabulary of 30,522 leaves hardly a row aligned.
#include <algorithm>

#include "cuda/online_softmax.h"
#include "cuda/scratch.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/cross_entropy/labels.h"

namespace athanor {

namespace {

constexpr int total_threads = 512;

template <class T>
__device__ float weight_of(const CrossEntropyRows<T>& in, int64_t c) {
  return in.weight ? in.weight[c] : 1.0f;
}

// What one pass over a row's logits gathers.
template <class T>
struct RowSums {
  OnlineSoftmax<T> softmax;
  float weights = 0.0f;   // of the classes seen
  float distance = 0.0f;  // sum of w (shift - x): differences are exact where the sums would not be
};

template <class T, bool smoothing, class Team>
__device__ RowSums<T> row_sums(Team& team, const CrossEntropyRows<T>& in, const T* x) {
  RowSums<T> sums;
  for_values(team, cut_rows(static_cast<int>(in.classes), x), x, [&](int column, const auto& v) {
    constexpr int n = static_cast<int>(sizeof v / sizeof(float));
    const float step = sums.softmax.add(v);
    if (!smoothing) return;
    sums.distance += sums.weights * step;
    const float shift = shift_of(sums.softmax.max);
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float weight = weight_of(in, column + i);
      sums.weights += weight, sums.distance += weight * (shift - v[i]);
    }
  });
  const float step = sums.softmax.combine(team);
  if (smoothing) {
    sums.distance += sums.weights * step;
    team.sum_two(sums.weights, sums.distance);
  }
  return sums;
}

// losses (N).
template <class T, class Team, bool smoothing>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    cross_entropy_forward_kernel(CrossEntropyForward<T> a, float* losses) {
  Team team;
  const CrossEntropyRows<T>& in = a.in;
  const int64_t row = team.index();
  if (row >= in.rows) return;
  const int32_t label = in.labels.data[row];
  if (label == in.options.ignore_index) {
    if (team.rank() == 0) losses[row] = 0.0f;
    return;
  }
  const T* x = in.logits + row * in.stride;
  const RowSums<T> sums = row_sums<T, smoothing>(team, in, x);
  if (team.rank() > 0) return;
  const float max = sums.softmax.max, sum = sums.softmax.divisor(), log_sum = logf(sum);
  float loss = weight_of(in, label) * (log_sum + (max - to_float(x[label])));
  if (smoothing) {
    const float even = in.options.smoothing / static_cast<float>(in.classes);
    loss = (1.0f - in.options.smoothing) * loss + even * (sums.weights * log_sum + sums.distance);
  }
  losses[row] = loss;
  if (!a.statistics) return;
  a.statistics[2 * row] = max;
  a.statistics[2 * row + 1] = sum;
}

// One block. The sum of value(i) for i < n, in an order that depends on n alone; in thread 0.
template <class Value>
__device__ double block_total(BlockTeam& team, int64_t n, const Value& value) {
  double total = 0.0;
  for (int64_t i = threadIdx.x; i < n; i += total_threads) total += static_cast<double>(value(i));
  return team.sum(total);
}

// What a sum of losses is divided by: the weights of the labels of counted rows.
template <class T>
__device__ double divisor_of(BlockTeam& team, const CrossEntropyRows<T>& in) {
  if (in.options.reduction != Reduction::mean) return 1.0;
  return block_total(team, in.rows, [&](int64_t row) {
    const int32_t label = in.labels.data[row];
    return label == in.options.ignore_index ? 0.0f : weight_of(in, label);
  });
}

template <class T>
__global__ void __launch_bounds__(total_threads)
    cross_entropy_forward_total_kernel(CrossEntropyForward<T> a, const float* losses) {
  BlockTeam team;
  const double total = block_total(team, a.in.rows, [&](int64_t row) { return losses[row]; });
  const double divisor = divisor_of(team, a.in);
  if (threadIdx.x == 0) *a.loss = static_cast<float>(total / divisor);
}

// What all rows of the gradient share.
struct GradientFactors {
  float factor;   // 1 / divisor, times dloss where there is one for all
  float weights;  // of all classes
};

template <class T>
__global__ void __launch_bounds__(total_threads)
    cross_entropy_backward_factors_kernel(CrossEntropyBackward<T> a, GradientFactors* factors) {
  BlockTeam team;
  const double divisor = divisor_of(team, a.in);
  double weights = static_cast<double>(a.in.classes);
  if (a.in.weight && a.in.options.smoothing != 0.0f) {
    weights = block_total(team, a.in.classes, [&](int64_t c) { return a.in.weight[c]; });
  }
  if (threadIdx.x > 0) return;
  const double dloss = a.in.options.reduction == Reduction::none ? 1.0 : static_cast<double>(*a.dloss);
  *factors = {static_cast<float>(dloss / divisor), static_cast<float>(weights)};
}

template <class T, class Team, bool smoothing>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    cross_entropy_backward_kernel(CrossEntropyBackward<T> a, const GradientFactors* factors) {
  const Team team;
  const CrossEntropyRows<T>& in = a.in;
  const int64_t row = team.index();
  if (row >= in.rows) return;
  const T* x = in.logits + row * in.stride;
  T* dx = a.dlogits + row * in.classes;
  const RowCut cut = cut_rows(static_cast<int>(in.classes), x, dx);
  const int32_t label = in.labels.data[row];
  if (label == in.options.ignore_index) {
    for_columns<T>(team, cut, [&](int column, auto count) {
      const float zero[decltype(count)::value] = {};
      store(dx + column, zero);
    });
    return;
  }
  const float dloss = in.options.reduction == Reduction::none ? a.dloss[row] : 1.0f;
  const float factor = dloss * factors->factor;
  const float own = (1.0f - in.options.smoothing) * weight_of(in, label);
  const float spread = smoothing ? in.options.smoothing / static_cast<float>(in.classes) : 0.0f;
  const float max = a.statistics[2 * row];
  const float scale = factor * (own + spread * factors->weights) / a.statistics[2 * row + 1];
  for_columns<T>(team, cut, [&](int column, auto count) {
    constexpr int n = decltype(count)::value;
    float v[n];
    load(v, x + column);
#pragma unroll
    for (int i = 0; i < n; i++) {
      v[i] = scale * exponential<T>(v[i] - max);
      if (smoothing) v[i] -= factor * spread * weight_of(in, column + i);
      if (column + i == label) v[i] -= factor * own;
    }
    store(dx + column, v);
  });
}

// Calls f(team type, integral constant: whether there is smoothing).
template <class T, class F>
void with_team(const CrossEntropyRows<T>& in, const F& f) {
  check_row_width("cross_entropy", in.classes);
  const bool smoothing = in.options.smoothing != 0.0f, narrow = in.classes <= warp_row_most;
  if (narrow && smoothing) return f(WarpTeam(), std::true_type());
  if (narrow) return f(WarpTeam(), std::false_type());
  if (smoothing) return f(BlockTeam(), std::true_type());
  f(BlockTeam(), std::false_type());
}

}  // namespace

template <class T>
void cross_entropy_forward(Cuda cuda, const CrossEntropyForward<T>& a) {
  const CrossEntropyRows<T>& in = a.in;
  counted_labels(cuda, {"cross_entropy", in.rows, in.classes, in.options.ignore_index}, in.labels);
  const bool each = in.options.reduction == Reduction::none;
  const Scratch<float> scratch(cuda, each ? 0 : in.rows);
  float* losses = each ? a.loss : scratch.data();
  if (in.rows > 0) {
    with_team(in, [&](auto team, auto smoothing) {
      using Team = decltype(team);
      launch(cross_entropy_forward_kernel<T, Team, decltype(smoothing)::value>, row_blocks<Team>(in.rows),
             reading_threads<T, Team>(in.classes), 0, cuda.stream, a, losses);
    });
  }
  if (!each) launch(cross_entropy_forward_total_kernel<T>, 1, total_threads, 0, cuda.stream, a, losses);
}

template <class T>
void cross_entropy_backward(Cuda cuda, const CrossEntropyBackward<T>& a) {
  const CrossEntropyRows<T>& in = a.in;
  if (in.rows == 0 || in.classes == 0) return;
  const Scratch<GradientFactors> factors(cuda, 1);
  launch(cross_entropy_backward_factors_kernel<T>, 1, total_threads, 0, cuda.stream, a, factors.data());
  with_team(in, [&](auto team, auto smoothing) {
    using Team = decltype(team);
    launch(cross_entropy_backward_kernel<T, Team, decltype(smoothing)::value>, row_blocks<Team>(in.rows),
           reading_threads<T, Team>(in.classes), 0, cuda.stream, a, factors.data());
  });
}

template void cross_entropy_forward(Cuda, const CrossEntropyForward<float>& a);
template void cross_entropy_forward(Cuda, const CrossEntropyForward<bf16>& a);
template void cross_entropy_backward(Cuda, const CrossEntropyBackward<float>& a);
template void cross_entropy_backward(Cuda, const CrossEntropyBackward<bf16>& a);

}  // namespace athanor
