// linear_cross_entropy.h on CUDA. The rows that count are gathered, times the scale; a block of their logits
// is a product of gemm.h, and one pass over it updates what is known of each row or makes its gradient. The
// bias is added in that pass, to fp32 logits. Between blocks each row keeps maximum, sum and the label's
// logit.
#include <type_traits>

#include "cuda/gemm.h"
#include "cuda/online_softmax.h"
#include "cuda/scratch.h"
#include "ops/linear/linear.h"
#include "ops/linear_cross_entropy/counted_rows.h"

namespace athanor {

namespace {

constexpr int total_threads = 512;

// Columns [begin, begin + width) of the logits of the rows that count, rows `stride` apart.
struct Block {
  int64_t begin, width, stride;
  float* z;   // kept from forward to backward, or the workspace
  bool kept;  // then z must not change: a graph may be walked twice
};

template <class T>
int64_t block_columns(const LinearCrossEntropyInput<T>& in, int64_t count) {
  return in.block_columns ? std::min(in.block_columns, in.classes)
                          : vocabulary_block_columns_cuda(count, in.classes);
}

// Calls body(block) for every block in order; what is not kept takes turns in `workspace`.
template <class T, class Body>
void for_blocks(const LinearCrossEntropyInput<T>& in, int64_t count, float* workspace, const Body& body) {
  if (count == 0) return;
  const int64_t columns = block_columns(in, count);
  for (int64_t begin = 0; begin < in.classes; begin += columns) {
    const int64_t width = std::min(columns, in.classes - begin), stride = vocabulary_row_cuda(width);
    const bool kept = (begin + stride) * count <= in.kept_floats;
    body(Block{begin, width, stride, kept ? in.kept + begin * count : workspace, kept});
  }
}

// Logits that a block may need room for.
template <class T>
int64_t block_room(const LinearCrossEntropyInput<T>& in, int64_t count) {
  return count == 0 ? 0 : count * vocabulary_row_cuda(block_columns(in, count));
}

// z without the bias.
template <class T>
void make_logits(const Cuda& cuda, const LinearCrossEntropyInput<T>& in, const Counted<T>& counted,
                 const Block& block) {
  gemm(cuda, DeviceGemm<T, T, float>{1,
                                     counted.count,
                                     block.width,
                                     in.width,
                                     {counted.x(), counted.x_stride, false},
                                     {in.weight + block.begin * in.width, in.width, true},
                                     {block.z, block.stride}});
}

// What the passes over a block read.
template <class T>
struct BlockRows {
  const float* z;  // (count, width), rows `stride` apart
  int64_t stride, count;
  int width;
  int64_t begin;
  const T* bias;             // of the block's columns, or null
  const int32_t* labels;     // of all rows
  const int32_t* positions;  // of the rows that count; null: of row i it is i

  __device__ int64_t position(int64_t i) const { return positions ? positions[i] : i; }
  // The label's column in this block, or something outside.
  __device__ int64_t label(int64_t i) const { return labels[position(i)] - begin; }

  template <int n>
  __device__ void add_bias(float (&v)[n], int column) const {
    if (bias == nullptr) return;
#pragma unroll
    for (int j = 0; j < n; j++) v[j] += to_float(bias[column + j]);
  }
};

template <class T>
BlockRows<T> rows_of(const LinearCrossEntropyInput<T>& in, const Counted<T>& counted, const Block& block) {
  const T* bias = in.bias ? in.bias + block.begin : nullptr;
  return {block.z,     block.stride, counted.count,  static_cast<int>(block.width),
          block.begin, bias,         in.labels.data, counted.positions()};
}

// What is known of a row after some blocks.
template <class T>
struct RowState {
  OnlineSoftmax<T> softmax;
  float distance;  // the sum of shift - z
  float own;       // the label's logit
};

template <class T, class Team>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    linear_cross_entropy_extend_kernel(BlockRows<T> a, RowState<T>* states) {
  Team team;
  const int64_t i = team.index();
  if (i >= a.count) return;
  const float* z = a.z + i * a.stride;
  OnlineSoftmax<T> seen;
  float distance = 0.0f, elements = 0.0f;
  for_values(team, cut_rows(a.width, z), z, [&](int column, const auto& raw) {
    constexpr int n = static_cast<int>(sizeof raw / sizeof(float));
    float v[n];
#pragma unroll
    for (int j = 0; j < n; j++) v[j] = raw[j];
    a.add_bias(v, column);
    distance += elements * seen.add(v);
    const float shift = shift_of(seen.max);
#pragma unroll
    for (int j = 0; j < n; j++) distance += shift - v[j];
    elements += static_cast<float>(n);
  });
  distance = team.sum(distance + elements * seen.combine(team));
  if (team.rank() > 0) return;

  RowState<T> state = states[i];
  if (a.begin == 0) state = {OnlineSoftmax<T>(), 0.0f, 0.0f};
  state.distance += static_cast<float>(a.begin) * state.softmax.raise(seen.max);
  distance += static_cast<float>(a.width) * seen.raise(state.softmax.max);
  state.softmax.sum += seen.sum, state.distance += distance;
  const int64_t label = a.label(i);
  if (label >= 0 && label < a.width) {
    float own[1] = {z[label]};
    a.add_bias(own, static_cast<int>(label));
    state.own = own[0];
  }
  states[i] = state;
}

template <class T>
__device__ float loss_of(const RowState<T>& state, const LinearCrossEntropyInput<T>& in) {
  const float log_sum = logf(state.softmax.divisor());
  const float loss = log_sum + (state.softmax.max - state.own);
  if (in.options.smoothing == 0.0f) return loss;  // a masked logit of -inf must not meet a factor of 0
  const float classes = static_cast<float>(in.classes);
  return (1.0f - in.options.smoothing) * loss + in.options.smoothing * (log_sum + state.distance / classes);
}

// One block of threads.
template <class T>
__global__ void __launch_bounds__(total_threads)
    linear_cross_entropy_loss_kernel(LinearCrossEntropyForward<T> a, const RowState<T>* states,
                                     const int32_t* positions, int64_t count) {
  BlockTeam team;
  const bool each = a.in.options.reduction == Reduction::none;
  double total = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += total_threads) {
    const RowState<T> state = states[i];
    const float loss = loss_of(state, a.in);
    total += static_cast<double>(loss);
    if (each) a.loss[positions ? positions[i] : i] = loss;
    if (!a.statistics) continue;
    a.statistics[2 * i] = state.softmax.max;
    a.statistics[2 * i + 1] = state.softmax.divisor();
  }
  total = team.sum(total);
  if (each || threadIdx.x > 0) return;
  const bool mean = a.in.options.reduction == Reduction::mean;
  *a.loss = static_cast<float>(mean ? total / static_cast<double>(count) : total);
}

// How dz of a row follows from its softmax p: dz = factor (p - even - own [c = label]).
struct GradientRule {
  const float* statistics;  // (N, 2)
  const float* dloss;
  bool each;      // dloss has one element for every row
  float divisor;  // of dloss
  float even, own;
};

// dz (count, width), rows `stride` apart.
template <class T, class Team>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    linear_cross_entropy_differentiate_kernel(BlockRows<T> a, GradientRule rule, T* dz) {
  const Team team;
  const int64_t i = team.index();
  if (i >= a.count) return;
  const float* z = a.z + i * a.stride;
  T* to = dz + i * a.stride;
  const float factor = (rule.each ? rule.dloss[a.position(i)] : *rule.dloss) / rule.divisor;
  const float max = rule.statistics[2 * i], scale = factor / rule.statistics[2 * i + 1];
  const int64_t label = a.label(i);
  for_columns<float>(team, cut_rows(a.width, z), [&](int column, auto count) {
    constexpr int n = decltype(count)::value;
    float v[n];
    load(v, z + column);
    a.add_bias(v, column);
#pragma unroll
    for (int j = 0; j < n; j++) {
      v[j] = scale * exponential<T>(v[j] - max) - factor * rule.even;
      if (column + j == label) v[j] -= factor * rule.own;
    }
    store(to + column, v);
  });
}

template <class T>
GradientRule rule_of(const LinearCrossEntropyBackward<T>& a, int64_t count) {
  const CrossEntropyOptions& options = a.in.options;
  const float divisor = options.reduction == Reduction::mean ? static_cast<float>(count) : 1.0f;
  return {a.statistics,
          a.dloss,
          options.reduction == Reduction::none,
          divisor,
          options.smoothing / static_cast<float>(a.in.classes),
          1.0f - options.smoothing};
}

// Calls f(Team) with the team for rows of a block.
template <class F>
void with_team(const Block& block, const F& f) {
  if (block.width <= warp_row_most) return f(WarpTeam());
  f(BlockTeam());
}

// The rows of dW that belong to the block: dz^T (scale x).
template <class T, class G>
void weight_gradient(const Cuda& cuda, const LinearCrossEntropyInput<T>& in, const Counted<T>& counted,
                     const Block& block, const T* dz, G* dweight) {
  gemm(cuda, DeviceGemm<T, T, G>{1,
                                 block.width,
                                 in.width,
                                 counted.count,
                                 {dz, block.stride, true},
                                 {counted.x(), counted.x_stride, false},
                                 {dweight + block.begin * in.width, in.width}});
}

template <class T, class G>
void bias_gradient(const Cuda& cuda, const Counted<T>& counted, const Block& block, const T* dz, G* dbias) {
  const Scratch<float> partial(cuda, column_sum_blocks(counted.count) * block.width);
  column_sums(cuda, ColumnSums<T, G>{dz, block.stride, partial.data(), dbias + block.begin, counted.count,
                                     block.width});
}

// Calls f(pointer of the gradient's type).
template <class T, class F>
void with_gradient(const ParameterGradient& gradient, const F& f) {
  if (!gradient.data) return;
  if constexpr (!std::is_same_v<T, float>) {
    if (gradient.dtype != DType::f32) return f(static_cast<T*>(gradient.data));
  }
  f(static_cast<float*>(gradient.data));
}

void clear(const Cuda& cuda, void* data, int64_t count, size_t size) {
  if (!data || count == 0) return;
  check(cudaMemsetAsync(data, 0, static_cast<size_t>(count) * size, static_cast<cudaStream_t>(cuda.stream)),
        "linear_cross_entropy");
}

// dx of all rows: dx of those that count, times the scale, and 0 for the others.
template <class T>
void scatter(const Cuda& cuda, const LinearCrossEntropyBackward<T>& a, const Counted<T>& counted,
             const float* dcounted) {
  const LinearCrossEntropyInput<T>& in = a.in;
  if (!counted.all) clear(cuda, a.dx, in.rows * in.width, sizeof(T));
  move_rows(cuda, RowMove<T, float>{a.dx, counted.positions(), in.width, dcounted, nullptr, in.width,
                                    counted.count, in.width, in.scale});
}

}  // namespace

template <class T>
void linear_cross_entropy_forward(Cuda cuda, const LinearCrossEntropyForward<T>& a) {
  const LinearCrossEntropyInput<T>& in = a.in;
  const Counted<T> counted(cuda, in);
  const Scratch<float> logits(cuda, block_room(in, counted.count));
  const Scratch<RowState<T>> states(cuda, counted.count);
  for_blocks(in, counted.count, logits.data(), [&](const Block& block) {
    make_logits(cuda, in, counted, block);
    with_team(block, [&](auto team) {
      using Team = decltype(team);
      launch(linear_cross_entropy_extend_kernel<T, Team>, row_blocks<Team>(counted.count),
             reading_threads<float, Team>(block.width), 0, cuda.stream, rows_of(in, counted, block),
             states.data());
    });
  });
  if (in.options.reduction == Reduction::none) clear(cuda, a.loss, in.rows, sizeof(float));
  launch(linear_cross_entropy_loss_kernel<T>, 1, total_threads, 0, cuda.stream, a, states.data(),
         counted.positions(), counted.count);
}

template <class T>
void linear_cross_entropy_backward(Cuda cuda, const LinearCrossEntropyBackward<T>& a) {
  const LinearCrossEntropyInput<T>& in = a.in;
  const Counted<T> counted(cuda, in);
  if (counted.count == 0 || in.classes == 0) {
    clear(cuda, a.dx, in.rows * in.width, sizeof(T));
    clear(cuda, a.dweight.data, in.classes * in.width, dtype_size(a.dweight.dtype));
    clear(cuda, a.dbias.data, in.classes, dtype_size(a.dbias.dtype));
    return;
  }
  const int64_t room = block_room(in, counted.count);
  const Scratch<float> logits(cuda, room), dcounted(cuda, a.dx ? counted.count * in.width : 0);
  const Scratch<T> dz(cuda, room);
  const GradientRule rule = rule_of(a, counted.count);
  for_blocks(in, counted.count, logits.data(), [&](const Block& block) {
    if (!block.kept) make_logits(cuda, in, counted, block);
    with_team(block, [&](auto team) {
      using Team = decltype(team);
      launch(linear_cross_entropy_differentiate_kernel<T, Team>, row_blocks<Team>(counted.count),
             reading_threads<float, Team>(block.width), 0, cuda.stream, rows_of(in, counted, block), rule,
             dz.data());
    });
    if (a.dx) {
      gemm(cuda, DeviceGemm<T, T, float>{1,
                                         counted.count,
                                         in.width,
                                         block.width,
                                         {dz.data(), block.stride, false},
                                         {in.weight + block.begin * in.width, in.width, false},
                                         {dcounted.data(), in.width, 0, block.begin > 0}});
    }
    with_gradient<T>(a.dweight, [&](auto* to) { weight_gradient(cuda, in, counted, block, dz.data(), to); });
    with_gradient<T>(a.dbias, [&](auto* to) { bias_gradient(cuda, counted, block, dz.data(), to); });
  });
  if (a.dx) scatter(cuda, a, counted, dcounted.data());
}

template void linear_cross_entropy_forward(Cuda, const LinearCrossEntropyForward<float>& a);
template void linear_cross_entropy_forward(Cuda, const LinearCrossEntropyForward<bf16>& a);
template void linear_cross_entropy_backward(Cuda, const LinearCrossEntropyBackward<float>& a);
template void linear_cross_entropy_backward(Cuda, const LinearCrossEntropyBackward<bf16>& a);

}  // namespace athanor
