// Backward of softmax.h on CUDA: one sum over each row, then its gradient. Rows of up to 8192 elements stay
// in registers between the two, wider ones are read twice.
#include "cuda/online_softmax.h"
#include "cuda/row_team.h"
#include "ops/softmax/softmax.h"

namespace athanor {

namespace {

// dx = y (dy - sum(dy y)).
struct SoftmaxRule {
  template <class T>
  __device__ static float term(float dy, float y) {
    return dy * y;
  }
  template <class T>
  __device__ static float result(float dy, float y, float sum) {
    return y * (dy - sum);
  }
};

// dx = dy - exp(y) sum(dy).
struct LogSoftmaxRule {
  template <class T>
  __device__ static float term(float dy, float) {
    return dy;
  }
  template <class T>
  __device__ static float result(float dy, float y, float sum) {
    return dy - exponential<T>(y) * sum;
  }
};

template <class T, class Holding, class Rule>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    softmax_backward_kernel(SoftmaxGradient<T> a, bool pieces) {
  constexpr int held = Holding::pieces, V = piece<T>;
  typename Holding::Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int n = static_cast<int>(a.n);
  Vector<T, V> dy[held], y[held];
  float sum = 0.0f;
  for_pieces<T, held>(team, n, [&](int i, int column) {
    dy[i] = read_piece(a.dy + row * n, column, n, pieces);
    y[i] = read_piece(a.y + row * n, column, n, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) sum += Rule::template term<T>(to_float(dy[i][j]), to_float(y[i][j]));
  });
  sum = team.sum(sum);
  for_pieces<T, held>(team, n, [&](int i, int column) {
    float dx[V];
#pragma unroll
    for (int j = 0; j < V; j++) dx[j] = Rule::template result<T>(to_float(dy[i][j]), to_float(y[i][j]), sum);
    store_piece(a.dx + row * n, dx, column, n, pieces);
  });
}

template <class T, class Rule>
__global__ void __launch_bounds__(BlockTeam::most_threads, BlockTeam::least_blocks)
    softmax_backward_wide_kernel(SoftmaxGradient<T> a) {
  BlockTeam team;
  const int64_t row = team.index();
  const int n = static_cast<int>(a.n);
  const T *dy = a.dy + row * n, *y = a.y + row * n;
  T* dx = a.dx + row * n;
  const RowCut cut = cut_rows(n, dy, y, dx);
  float sum = 0.0f;
  for_columns<T>(team, cut, [&](int column, auto count) {
    constexpr int many = decltype(count)::value;
    float g[many], v[many];
    load(g, dy + column), load(v, y + column);
#pragma unroll
    for (int i = 0; i < many; i++) sum += Rule::template term<T>(g[i], v[i]);
  });
  sum = team.sum(sum);
  for_columns<T>(team, cut, [&](int column, auto count) {
    constexpr int many = decltype(count)::value;
    float g[many], v[many];
    load(g, dy + column), load(v, y + column);
#pragma unroll
    for (int i = 0; i < many; i++) g[i] = Rule::template result<T>(g[i], v[i], sum);
    store(dx + column, g);
  });
}

// dx = dy softmax(x). exp(x - y) is the softmax, but y was rounded at the size of the maximum: it is divided
// by what it sums to. Where y is infinite that sum is NaN, and only elements that are themselves undefined
// become so.
template <class T, class Team>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    logsumexp_backward_kernel(LogsumexpGradient<T> a) {
  Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int n = static_cast<int>(a.n);
  const T* x = a.x + row * n;
  T* dx = a.dx + row * n;
  const float y = a.y[row];
  float sum = 0.0f;
  for_values(team, cut_rows(n, x), x, [&](int, const auto& v) {
#pragma unroll
    for (float each : v) sum += exponential<T>(each - y);
  });
  sum = team.sum(sum);
  const float scale = std::isinf(y) ? a.dy[row] : a.dy[row] / sum;
  for_columns<T>(team, cut_rows(n, x, dx), [&](int column, auto count) {
    float v[decltype(count)::value];
    load(v, x + column);
#pragma unroll
    for (float& each : v) each = scale * exponential<T>(each - y);
    store(dx + column, v);
  });
}

template <class Rule, class T>
void run_backward(const Cuda& cuda, const SoftmaxGradient<T>& a) {
  if (a.rows == 0 || a.n == 0) return;
  const bool pieces =
      rows_in_pieces(a.dy, a.n, a.n) && rows_in_pieces(a.y, a.n, a.n) && rows_in_pieces(a.dx, a.n, a.n);
  with_row_holding<T>("softmax", a.n, [&](auto holding) {
    using Holding = decltype(holding);
    const unsigned blocks = row_blocks<typename Holding::Team>(a.rows), threads = Holding::threads(a.n);
    if constexpr (Holding::pieces == 0) {
      launch(softmax_backward_wide_kernel<T, Rule>, blocks, threads, 0, cuda.stream, a);
    } else {
      launch(softmax_backward_kernel<T, Holding, Rule>, blocks, threads, 0, cuda.stream, a, pieces);
    }
  });
}

}  // namespace

template <class T>
void softmax_backward(Cuda cuda, const SoftmaxGradient<T>& a) {
  run_backward<SoftmaxRule>(cuda, a);
}
template <class T>
void log_softmax_backward(Cuda cuda, const SoftmaxGradient<T>& a) {
  run_backward<LogSoftmaxRule>(cuda, a);
}
template <class T>
void logsumexp_backward(Cuda cuda, const LogsumexpGradient<T>& a) {
  if (a.rows == 0 || a.n == 0) return;
  check_row_width("logsumexp", a.n);
  if (a.n <= warp_row_most) {
    launch(logsumexp_backward_kernel<T, WarpTeam>, row_blocks<WarpTeam>(a.rows), WarpTeam::most_threads, 0,
           cuda.stream, a);
  } else {
    launch(logsumexp_backward_kernel<T, BlockTeam>, row_blocks<BlockTeam>(a.rows),
           reading_threads<T, BlockTeam>(a.n), 0, cuda.stream, a);
  }
}

template void softmax_backward(Cuda, const SoftmaxGradient<float>& a);
template void softmax_backward(Cuda, const SoftmaxGradient<bf16>& a);
template void log_softmax_backward(Cuda, const SoftmaxGradient<float>& a);
template void log_softmax_backward(Cuda, const SoftmaxGradient<bf16>& a);
template void logsumexp_backward(Cuda, const LogsumexpGradient<float>& a);
template void logsumexp_backward(Cuda, const LogsumexpGradient<bf16>& a);

}  // namespace athanor
