// l2_normalize.h on CUDA. Rows of up to 8192 elements are read once and stay in registers, wider ones are
// read twice. Squares are added up in double: those of 1e20 or 1e-30 are no numbers of fp32.
#include "cuda/row_team.h"
#include "ops/l2_normalize/l2_normalize.h"

namespace athanor {

namespace {

// max(norm, eps) that keeps a NaN.
__device__ float divisor(float norm, float eps) {
  return norm < eps ? eps : norm;
}

__device__ double square(float x) {
  return static_cast<double>(x) * static_cast<double>(x);
}

template <class T, class Team>
__device__ float finish_norm(Team& team, const L2NormalizeForward<T>& a, int64_t row, double squares) {
  const float norm = static_cast<float>(sqrt(team.sum(squares)));
  if (a.norm && team.rank() == 0) a.norm[row] = norm;
  return divisor(norm, a.eps);
}

template <class T, class Holding>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    l2_normalize_forward_kernel(L2NormalizeForward<T> a, bool pieces) {
  constexpr int held = Holding::pieces, V = piece<T>;
  typename Holding::Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int n = static_cast<int>(a.n);
  Vector<T, V> x[held];
  double squares = 0.0;
  for_pieces<T, held>(team, n, [&](int i, int column) {
    x[i] = read_piece(a.x + row * n, column, n, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) squares += square(to_float(x[i][j]));
  });
  const float by = finish_norm(team, a, row, squares);
  for_pieces<T, held>(team, n, [&](int i, int column) {
    float y[V];
#pragma unroll
    for (int j = 0; j < V; j++) y[j] = to_float(x[i][j]) / by;
    store_piece(a.y + row * n, y, column, n, pieces);
  });
}

template <class T>
__global__ void __launch_bounds__(BlockTeam::most_threads, BlockTeam::least_blocks)
    l2_normalize_forward_wide_kernel(L2NormalizeForward<T> a) {
  BlockTeam team;
  const int64_t row = team.index();
  const int n = static_cast<int>(a.n);
  const T* x = a.x + row * n;
  T* y = a.y + row * n;
  double squares = 0.0;
  for_values(team, cut_rows(n, x), x, [&](int, const auto& v) {
#pragma unroll
    for (float each : v) squares += square(each);
  });
  const float by = finish_norm(team, a, row, squares);
  for_columns<T>(team, cut_rows(n, x, y), [&](int column, auto count) {
    float v[decltype(count)::value];
    load(v, x + column);
#pragma unroll
    for (float& each : v) each /= by;
    store(y + column, v);
  });
}

// How the gradient of a row follows: dx = dy / by - y along. Below eps the divisor is a constant. The
// quotients are taken first: y times a large dy . y may overflow.
struct RowGradient {
  float by, along;
  __device__ float of(float dy, float y) const { return dy / by - along * y; }
};

template <class T, class Team>
__device__ RowGradient finish_product(Team& team, const L2NormalizeBackward<T>& a, int64_t row,
                                      float product) {
  const float norm = a.norm[row], by = divisor(norm, a.eps);
  product = team.sum(product);
  return {by, norm < a.eps ? 0.0f : product / by};
}

template <class T, class Holding>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    l2_normalize_backward_kernel(L2NormalizeBackward<T> a, bool pieces) {
  constexpr int held = Holding::pieces, V = piece<T>;
  typename Holding::Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int n = static_cast<int>(a.n);
  Vector<T, V> dy[held], y[held];
  float product = 0.0f;
  for_pieces<T, held>(team, n, [&](int i, int column) {
    dy[i] = read_piece(a.dy + row * n, column, n, pieces);
    y[i] = read_piece(a.y + row * n, column, n, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) product += to_float(dy[i][j]) * to_float(y[i][j]);
  });
  const RowGradient gradient = finish_product(team, a, row, product);
  for_pieces<T, held>(team, n, [&](int i, int column) {
    float dx[V];
#pragma unroll
    for (int j = 0; j < V; j++) dx[j] = gradient.of(to_float(dy[i][j]), to_float(y[i][j]));
    store_piece(a.dx + row * n, dx, column, n, pieces);
  });
}

template <class T>
__global__ void __launch_bounds__(BlockTeam::most_threads, BlockTeam::least_blocks)
    l2_normalize_backward_wide_kernel(L2NormalizeBackward<T> a) {
  BlockTeam team;
  const int64_t row = team.index();
  const int n = static_cast<int>(a.n);
  const T *dy = a.dy + row * n, *y = a.y + row * n;
  T* dx = a.dx + row * n;
  const RowCut cut = cut_rows(n, dy, y, dx);
  float product = 0.0f;
  for_columns<T>(team, cut, [&](int column, auto count) {
    constexpr int many = decltype(count)::value;
    float g[many], v[many];
    load(g, dy + column), load(v, y + column);
#pragma unroll
    for (int i = 0; i < many; i++) product += g[i] * v[i];
  });
  const RowGradient gradient = finish_product(team, a, row, product);
  for_columns<T>(team, cut, [&](int column, auto count) {
    constexpr int many = decltype(count)::value;
    float g[many], v[many];
    load(g, dy + column), load(v, y + column);
#pragma unroll
    for (int i = 0; i < many; i++) g[i] = gradient.of(g[i], v[i]);
    store(dx + column, g);
  });
}

}  // namespace

template <class T>
void l2_normalize_forward(Cuda cuda, const L2NormalizeForward<T>& a) {
  if (a.rows == 0) return;
  const bool pieces = rows_in_pieces(a.x, a.n, a.n) && rows_in_pieces(a.y, a.n, a.n);
  with_row_holding<T>("l2_normalize", a.n, [&](auto holding) {
    using Holding = decltype(holding);
    const unsigned blocks = row_blocks<typename Holding::Team>(a.rows), threads = Holding::threads(a.n);
    if constexpr (Holding::pieces == 0) {
      launch(l2_normalize_forward_wide_kernel<T>, blocks, threads, 0, cuda.stream, a);
    } else {
      launch(l2_normalize_forward_kernel<T, Holding>, blocks, threads, 0, cuda.stream, a, pieces);
    }
  });
}

template <class T>
void l2_normalize_backward(Cuda cuda, const L2NormalizeBackward<T>& a) {
  if (a.rows == 0 || a.n == 0) return;
  const bool pieces =
      rows_in_pieces(a.dy, a.n, a.n) && rows_in_pieces(a.y, a.n, a.n) && rows_in_pieces(a.dx, a.n, a.n);
  with_row_holding<T>("l2_normalize", a.n, [&](auto holding) {
    using Holding = decltype(holding);
    const unsigned blocks = row_blocks<typename Holding::Team>(a.rows), threads = Holding::threads(a.n);
    if constexpr (Holding::pieces == 0) {
      launch(l2_normalize_backward_wide_kernel<T>, blocks, threads, 0, cuda.stream, a);
    } else {
      launch(l2_normalize_backward_kernel<T, Holding>, blocks, threads, 0, cuda.stream, a, pieces);
    }
  });
}

template void l2_normalize_forward(Cuda, const L2NormalizeForward<float>& a);
template void l2_normalize_forward(Cuda, const L2NormalizeForward<bf16>& a);
template void l2_normalize_backward(Cuda, const L2NormalizeBackward<float>& a);
template void l2_normalize_backward(Cuda, const L2NormalizeBackward<bf16>& a);

}  // namespace athanor
