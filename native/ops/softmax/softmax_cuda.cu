// Forward of softmax.h on CUDA. A row of up to 8192 elements stays in registers, of a warp up to 1024 and of
// a block above. A wider one is read once for maximum and sum and kept in shared memory where two such rows
// have room; else its second read comes from the L2 cache, mostly.
#include "cuda/online_softmax.h"
#include "cuda/row_team.h"
#include "ops/softmax/softmax.h"

namespace athanor {

namespace {

// Of one element, given the row's maximum and its sum of exponentials or the logarithm of that.
template <class T, bool logarithm>
__device__ float result_of(float x, float max, float sum) {
  // Two subtractions: x - max is exact where it matters, while max + log(sum) rounds at the size of max.
  return logarithm ? x - max - sum : exponential<T>(x - max) * sum;
}

template <class T, class Holding, bool logarithm>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    softmax_forward_kernel(SoftmaxRows<T> a, bool pieces) {
  constexpr int held = Holding::pieces, V = piece<T>;
  typename Holding::Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int n = static_cast<int>(a.n);
  Vector<T, V> x[held];
  float max = -INFINITY;
  for_pieces<T, held>(team, n, [&](int i, int column) {
    x[i] = read_piece(a.x + row * n, column, n, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) max = fmaxf(max, column + j < n ? to_float(x[i][j]) : -INFINITY);
  });
  max = team.max(max);
  float sum = 0.0f;
  for_pieces<T, held>(team, n, [&](int i, int column) {
#pragma unroll
    for (int j = 0; j < V; j++) sum += column + j < n ? exponential<T>(to_float(x[i][j]) - max) : 0.0f;
  });
  sum = team.sum(sum);
  const float last = logarithm ? logf(sum) : 1.0f / sum;
  for_pieces<T, held>(team, n, [&](int i, int column) {
    float y[V];
#pragma unroll
    for (int j = 0; j < V; j++) y[j] = result_of<T, logarithm>(to_float(x[i][j]), max, last);
    store_piece(a.y + row * n, y, column, n, pieces);
  });
}

template <class T, bool logarithm, bool in_shared>
__global__ void __launch_bounds__(BlockTeam::most_threads, BlockTeam::least_blocks)
    softmax_forward_wide_kernel(SoftmaxRows<T> a) {
  BlockTeam team;
  const int64_t row = team.index();
  const int n = static_cast<int>(a.n);
  const T* x = a.x + row * n;
  // The copy begins where x does relative to 16 bytes; the barriers of combine() lie between its two uses.
  T* copy = in_shared ? dynamic_shared<T>() + reinterpret_cast<uintptr_t>(x) % 16 / sizeof(T) : nullptr;
  OnlineSoftmax<T> seen;
  for_values(team, cut_rows(n, x), x, [&](int column, const auto& v) {
    seen.add(v);
    if (in_shared) store(copy + column, v);
  });
  seen.combine(team);
  const float sum = seen.divisor(), last = logarithm ? logf(sum) : 1.0f / sum;
  T* y = a.y + row * n;
  for_columns<T>(team, cut_rows(n, x, y), [&](int column, auto count) {
    float v[decltype(count)::value];
    load(v, in_shared ? copy + column : x + column);
#pragma unroll
    for (int i = 0; i < decltype(count)::value; i++) v[i] = result_of<T, logarithm>(v[i], seen.max, last);
    store(y + column, v);
  });
}

template <class T, bool logarithm>
void run_wide(const Cuda& cuda, const SoftmaxRows<T>& a) {
  const size_t bytes = (static_cast<size_t>(a.n) + piece<T>)*sizeof(T);
  const unsigned rows = row_blocks<BlockTeam>(a.rows);
  if (bytes <= cuda.properties->shared_bytes / 2) {
    launch(softmax_forward_wide_kernel<T, logarithm, true>, rows, BlockTeam::most_threads, bytes, cuda.stream,
           a);
  } else {
    launch(softmax_forward_wide_kernel<T, logarithm, false>, rows, BlockTeam::most_threads, 0, cuda.stream,
           a);
  }
}

template <bool logarithm, class T>
void run_forward(const Cuda& cuda, const SoftmaxRows<T>& a) {
  if (a.rows == 0 || a.n == 0) return;
  const bool pieces = rows_in_pieces(a.x, a.n, a.n) && rows_in_pieces(a.y, a.n, a.n);
  with_row_holding<T>("softmax", a.n, [&](auto holding) {
    using Holding = decltype(holding);
    if constexpr (Holding::pieces == 0) {
      run_wide<T, logarithm>(cuda, a);
    } else {
      launch(softmax_forward_kernel<T, Holding, logarithm>, row_blocks<typename Holding::Team>(a.rows),
             Holding::threads(a.n), 0, cuda.stream, a, pieces);
    }
  });
}

// y (rows) = max + log sum exp(x - max).
template <class T, class Team>
__global__ void __launch_bounds__(Team::most_threads, Team::least_blocks)
    logsumexp_forward_kernel(LogsumexpRows<T> a) {
  Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const T* x = a.x + row * a.n;
  OnlineSoftmax<T> seen;
  for_values(team, cut_rows(static_cast<int>(a.n), x), x, [&](int, const auto& v) { seen.add(v); });
  seen.combine(team);
  if (team.rank() > 0) return;
  // An infinite maximum is the result, unless there is a NaN.
  const float rest = std::isinf(seen.max) && !std::isnan(seen.sum) ? 0.0f : logf(seen.sum);
  a.y[row] = seen.max + rest;
}

}  // namespace

template <class T>
void softmax_forward(Cuda cuda, const SoftmaxRows<T>& a) {
  run_forward<false>(cuda, a);
}
template <class T>
void log_softmax_forward(Cuda cuda, const SoftmaxRows<T>& a) {
  run_forward<true>(cuda, a);
}
template <class T>
void logsumexp_forward(Cuda cuda, const LogsumexpRows<T>& a) {
  if (a.rows == 0) return;
  check_row_width("logsumexp", a.n);
  if (a.n <= warp_row_most) {
    launch(logsumexp_forward_kernel<T, WarpTeam>, row_blocks<WarpTeam>(a.rows), WarpTeam::most_threads, 0,
           cuda.stream, a);
  } else {
    launch(logsumexp_forward_kernel<T, BlockTeam>, row_blocks<BlockTeam>(a.rows),
           reading_threads<T, BlockTeam>(a.n), 0, cuda.stream, a);
  }
}

template void softmax_forward(Cuda, const SoftmaxRows<float>& a);
template void softmax_forward(Cuda, const SoftmaxRows<bf16>& a);
template void log_softmax_forward(Cuda, const SoftmaxRows<float>& a);
template void log_softmax_forward(Cuda, const SoftmaxRows<bf16>& a);
template void logsumexp_forward(Cuda, const LogsumexpRows<float>& a);
template void logsumexp_forward(Cuda, const LogsumexpRows<bf16>& a);

}  // namespace athanor
