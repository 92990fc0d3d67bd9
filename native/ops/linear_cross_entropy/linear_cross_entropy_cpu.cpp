// Blocks of logits, one after another: a product on the pool, then a pass over its rows while the block is in
// cache. What is added up over blocks is so in their order, which depends on the sizes and on the number of
// rows that count.
#include <cmath>
#include <cstring>
#include <vector>

#include "cpu/gemm.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

size_t size(int64_t n) {
  return static_cast<size_t>(n);
}

// The rows that count, side by side.
struct Counted {
  std::vector<int64_t> rows;
  const float* x;  // (count, C)
  int64_t x_stride;
  int64_t count() const { return static_cast<int64_t>(rows.size()); }
};

Counted gather(const LinearCrossEntropyInput<float>& in) {
  Counted counted;
  for (int64_t row = 0; row < in.rows; row++) {
    const int64_t label = in.labels.data[row];
    if (label == in.options.ignore_index) continue;
    if (label < 0 || label >= in.classes) {
      throw Error(ErrorCode::data, "linear_cross_entropy: label " + std::to_string(label) + " outside 0.." +
                                       std::to_string(in.classes - 1));
    }
    counted.rows.push_back(row);
  }
  if (counted.count() == in.rows) {
    counted.x = in.x, counted.x_stride = in.x_stride;
    return counted;
  }
  for (size_t i = 0; i < counted.rows.size(); i++) {
    std::memcpy(in.gathered + i * size(in.width), in.x + counted.rows[i] * in.x_stride,
                size(in.width) * sizeof(float));
  }
  counted.x = in.gathered, counted.x_stride = in.width;
  return counted;
}

// Columns [begin, begin + width) of the logits of the rows that count.
struct Block {
  int64_t begin, width;
  float* z;   // (count, width): kept from forward to backward, or the workspace
  bool kept;  // then z must not change: a graph may be walked twice
};

// Calls body(block) for every block in order.
template <class Body>
void for_blocks(const LinearCrossEntropyInput<float>& in, const Counted& counted, const Body& body) {
  if (counted.count() == 0) return;
  const int64_t columns = vocabulary_block_columns(counted.count(), in.classes);
  for (int64_t begin = 0; begin < in.classes; begin += columns) {
    const int64_t width = std::min(columns, in.classes - begin);
    const bool kept = (begin + width) * counted.count() <= in.kept_floats;
    body(Block{begin, width, kept ? in.kept + begin * counted.count() : in.logits, kept});
  }
}

void make_logits(const LinearCrossEntropyInput<float>& in, const Counted& counted, const Block& block) {
  Gemm g;
  g.m = counted.rows.size(), g.n = size(block.width), g.k = size(in.width);
  g.a = counted.x, g.lda = size(counted.x_stride);
  g.b = in.weight + block.begin * in.width, g.ldb = size(in.width), g.b_transposed = true;
  g.c = block.z, g.ldc = size(block.width);
  g.scale = in.scale;
  g.bias = in.bias ? in.bias + block.begin : nullptr;
  gemm(g);
}

// Calls body(i, first element of row i) for the rows that count.
template <class Body>
void for_rows(const Counted& counted, const Block& block, const Body& body) {
  const size_t grain = size(8192 / (block.width + 1) + 1);
  parallel_ranges(counted.rows.size(), grain, [&](size_t begin, size_t end, Worker&) {
    for (size_t i = begin; i < end; i++) body(i, i * size(block.width));
  });
}

// What is known of a row after some blocks.
struct RowState {
  float max = -INFINITY;
  double sum = 0;       // of exp(z - max)
  double distance = 0;  // the sum of max - z
  float own = 0;        // the label's logit
};

// sum of max - z, in stretches: the differences are exact where the sums would not be.
double distance_to(float max, const float* z, int64_t n) {
  float distance[sum_stretch];
  double total = 0;
  for (int64_t first = 0; first < n; first += sum_stretch) {
    const size_t count = size(std::min(sum_stretch, n - first));
    kernels().scalar_arithmetic(Arithmetic::subtract, distance, max, z + first, count);
    total += static_cast<double>(kernels().sum(distance, count));
  }
  return total;
}

void extend(RowState& state, const float* z, const Block& block, bool smoothing) {
  const float largest = kernels().maximum(z, size(block.width));
  const float max = std::isnan(largest) || largest > state.max ? largest : state.max;
  if (max == -INFINITY) return;  // nothing but -inf so far: exp would be of inf - inf
  if (block.begin > 0 && max != state.max) {
    const double step = static_cast<double>(max) - static_cast<double>(state.max);
    state.sum *= std::exp(-step);
    if (smoothing) state.distance += static_cast<double>(block.begin) * step;
  }
  state.max = max;
  state.sum += static_cast<double>(kernels().exp_sum(nullptr, z, max, size(block.width)));
  if (smoothing) state.distance += distance_to(max, z, block.width);
}

double loss_of(const RowState& state, const LinearCrossEntropyInput<float>& in) {
  const double log_sum = std::log(state.sum), smoothing = static_cast<double>(in.options.smoothing);
  const double loss = log_sum + (static_cast<double>(state.max) - static_cast<double>(state.own));
  if (smoothing == 0) return loss;  // a masked logit of -inf must not meet a factor of 0
  const double classes = static_cast<double>(in.classes);
  return (1.0 - smoothing) * loss + smoothing / classes * (classes * log_sum + state.distance);
}

// How dz of a row follows from its softmax p: dz = factor (p - even - own [c = label]).
struct RowGradient {
  double factor, even, own;
};

RowGradient gradient_of(const LinearCrossEntropyBackward<float>& a, const Counted& counted, size_t i) {
  const CrossEntropyOptions& options = a.in.options;
  const bool each = options.reduction == Reduction::none;
  const double dloss = static_cast<double>(each ? a.dloss[counted.rows[i]] : *a.dloss);
  const double by = options.reduction == Reduction::mean ? static_cast<double>(counted.count()) : 1.0;
  const double smoothing = static_cast<double>(options.smoothing);
  return {dloss / by, smoothing / static_cast<double>(a.in.classes), 1.0 - smoothing};
}

// dz of one row of a block, which may take the place of z.
void differentiate(float* dz, const float* z, const Block& block, const RowGradient& g, float max, float sum,
                   int64_t label) {
  const Kernels& k = kernels();
  const size_t n = size(block.width);
  k.exp_sum(dz, z, max, n);
  k.scale(dz, static_cast<float>(g.factor / static_cast<double>(sum)), dz, n);
  if (g.even != 0) {
    k.arithmetic_scalar(Arithmetic::subtract, dz, dz, static_cast<float>(g.factor * g.even), n);
  }
  if (label >= block.begin && label < block.begin + block.width) {
    dz[label - block.begin] -= static_cast<float>(g.factor * g.own);
  }
}

// dx += scale dz W, over the blocks; dz lies in the workspace.
void add_input_gradient(const LinearCrossEntropyInput<float>& in, const Counted& counted, const Block& block,
                        float* dx) {
  Gemm g;
  g.m = counted.rows.size(), g.n = size(in.width), g.k = size(block.width);
  g.a = in.logits, g.lda = size(block.width);
  g.b = in.weight + block.begin * in.width, g.ldb = size(in.width);
  g.c = dx, g.ldc = size(in.width);
  g.scale = in.scale;
  g.accumulate = block.begin > 0;
  g.depth =
      384;  // the label's share is far larger than the others: what is added to it is rounded at its size
  gemm(g);
}

// The rows of dW that belong to the block.
void weight_gradient(const LinearCrossEntropyInput<float>& in, const Counted& counted, const Block& block,
                     float* dweight) {
  Gemm g;
  g.m = size(block.width), g.n = size(in.width), g.k = counted.rows.size();
  g.a = in.logits, g.lda = size(block.width), g.a_transposed = true;
  g.b = counted.x, g.ldb = size(counted.x_stride);
  g.c = dweight + block.begin * in.width, g.ldc = size(in.width);
  g.scale = in.scale;
  gemm(g);
}

// dx of all rows from that of the rows that count; the others have none.
void scatter(const LinearCrossEntropyBackward<float>& a, const Counted& counted) {
  const size_t width = size(a.in.width);
  size_t next = 0;
  for (int64_t row = 0; row < a.in.rows; row++) {
    float* dx = a.dx + size(row) * width;
    if (next < counted.rows.size() && counted.rows[next] == row) {
      std::memcpy(dx, a.dgathered + next * width, width * sizeof(float));
      next++;
    } else {
      kernels().fill(dx, 0.0f, width);
    }
  }
}

void zero(float* y, int64_t n) {
  if (!y) return;
  parallel_ranges(size(n), 65536,
                  [&](size_t begin, size_t end, Worker&) { kernels().fill(y + begin, 0.0f, end - begin); });
}

}  // namespace

void linear_cross_entropy_forward(Cpu, const LinearCrossEntropyForward<float>& a) {
  const LinearCrossEntropyInput<float>& in = a.in;
  const Counted counted = gather(in);
  const bool smoothing = in.options.smoothing != 0;
  std::vector<RowState> states(counted.rows.size());
  for_blocks(in, counted, [&](const Block& block) {
    make_logits(in, counted, block);
    for_rows(counted, block, [&](size_t i, size_t at) {
      const float* z = block.z + at;
      extend(states[i], z, block, smoothing);
      const int64_t label = in.labels.data[counted.rows[i]] - block.begin;
      if (label >= 0 && label < block.width) states[i].own = z[label];
    });
  });
  if (in.options.reduction == Reduction::none) kernels().fill(a.loss, 0.0f, size(in.rows));
  double total = 0;
  for (size_t i = 0; i < states.size(); i++) {
    const double loss = loss_of(states[i], in);
    total += loss;
    if (in.options.reduction == Reduction::none) a.loss[counted.rows[i]] = static_cast<float>(loss);
    if (!a.statistics) continue;
    a.statistics[2 * i] = states[i].max;
    a.statistics[2 * i + 1] = static_cast<float>(states[i].sum);
  }
  if (in.options.reduction == Reduction::none) return;
  const bool mean = in.options.reduction == Reduction::mean;
  *a.loss = static_cast<float>(mean ? total / static_cast<double>(counted.count()) : total);
}

void linear_cross_entropy_backward(Cpu, const LinearCrossEntropyBackward<float>& a) {
  const LinearCrossEntropyInput<float>& in = a.in;
  const Counted counted = gather(in);
  const bool all = counted.count() == in.rows;
  float* dx = all ? a.dx : a.dgathered;
  float *dweight = static_cast<float*>(a.dweight.data), *dbias = static_cast<float*>(a.dbias.data);
  if (counted.count() == 0 || in.classes == 0) {
    zero(a.dx, in.rows * in.width);
    zero(dweight, in.classes * in.width);
    zero(dbias, in.classes);
    return;
  }
  for_blocks(in, counted, [&](const Block& block) {
    if (!block.kept) make_logits(in, counted, block);
    for_rows(counted, block, [&](size_t i, size_t at) {
      differentiate(in.logits + at, block.z + at, block, gradient_of(a, counted, i), a.statistics[2 * i],
                    a.statistics[2 * i + 1], in.labels.data[counted.rows[i]]);
    });
    if (a.dx) add_input_gradient(in, counted, block, dx);
    if (dweight) weight_gradient(in, counted, block, dweight);
    if (dbias) {
      sum_of_rows(dbias + block.begin, 1, counted.count(), block.width, 1.0,
                  [&](int64_t, int64_t row, int64_t column, int64_t, float*) {
                    return in.logits + row * block.width + column;
                  });
    }
  });
  if (a.dx && !all) scatter(a, counted);
}

}  // namespace athanor
