// Forward of layer_norm.h. A warp takes a row of up to 1024 columns, a block a wider one; up to 8192 columns
// the row stays in registers and every byte is read once, beyond that it is read three times. Bound by
// memory: x, residual, y and the sum go by once.
#include "cuda/dropout_bits.h"
#include "cuda/row_team.h"
#include "ops/layer_norm/layer_norm.h"

namespace athanor {

namespace {

// s = x + dropout(residual) at one piece of a row.
template <class T>
__device__ void load_sum(float (&s)[piece<T>], const LayerNormForward<T>& a, int64_t row, int column,
                         int width, bool pieces) {
  load_piece(s, a.x + row * a.x_stride, column, width, pieces);
  if (a.residual == nullptr) return;
  float residual[piece<T>];
  load_piece(residual, a.residual + row * a.residual_stride, column, width, pieces);
  if (a.p > 0.0f) {
    const uint64_t first = static_cast<uint64_t>(row * width + column);
    const uint32_t kept = kept_bits<piece<T>>(a.seed, a.call, first, dropout_threshold(a.p));
    const float scale = 1.0f / (1.0f - a.p);
#pragma unroll
    for (int i = 0; i < piece<T>; i++) residual[i] = kept >> i & 1 ? residual[i] * scale : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < piece<T>; i++) s[i] += residual[i];
}

// What a row is normalised by: y = ((s - center) rstd - shift) weight + bias.
struct Spread {
  float center, shift, mean, rstd;
};

// The sum of s is rounded at the size of the values; what the differences from it sum to, at the size of the
// spread. A row far from 0 keeps its digits that way.
template <class Team>
__device__ Spread spread_of(Team& team, NormKind kind, float center, float differences, float squares,
                            int width, float eps) {
  team.sum_two(differences, squares);
  const float n = static_cast<float>(width);
  const float missed = kind == NormKind::layer ? differences / n : 0.0f;
  const float rstd = 1.0f / sqrtf((squares - differences * missed) / n + eps);
  return {center, missed * rstd, center + missed, rstd};
}

template <class T, class Holding>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    layer_norm_forward_kernel(LayerNormForward<T> a, bool pieces) {
  constexpr int held = Holding::pieces, V = piece<T>;
  typename Holding::Team team;
  const int64_t row = team.index();
  if (row >= a.rows) return;
  const int width = static_cast<int>(a.width);
  float s[held > 0 ? held : 1][V];
  float total = 0.0f;
  for_pieces<T, held>(team, width, [&](int i, int column) {
    load_sum(s[i], a, row, column, width, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) total += s[i][j];
  });
  const float center = a.kind == NormKind::layer ? team.sum(total) / static_cast<float>(width) : 0.0f;

  float differences = 0.0f, squares = 0.0f;
  for_pieces<T, held>(team, width, [&](int i, int column) {
    if (held == 0) load_sum(s[i], a, row, column, width, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) {
      const float d = column + j < width ? s[i][j] - center : 0.0f;
      differences += d, squares += d * d;
    }
  });
  const Spread spread = spread_of(team, a.kind, center, differences, squares, width, a.eps);

  for_pieces<T, held>(team, width, [&](int i, int column) {
    if (held == 0) load_sum(s[i], a, row, column, width, pieces);
    if (a.sum) store_piece(a.sum + row * width, s[i], column, width, pieces);
    float weight[V], bias[V] = {}, y[V];
    load_piece(weight, a.weight, column, width, pieces);
    if (a.bias) load_piece(bias, a.bias, column, width, pieces);
#pragma unroll
    for (int j = 0; j < V; j++) {
      y[j] = ((s[i][j] - spread.center) * spread.rstd - spread.shift) * weight[j] + bias[j];
    }
    store_piece(a.y + row * width, y, column, width, pieces);
  });
  if (a.statistics && team.rank() == 0) {
    a.statistics[row] = spread.mean;
    a.statistics[a.rows + row] = spread.rstd;
  }
}

}  // namespace

template <class T>
void layer_norm_forward(Cuda cuda, const LayerNormForward<T>& a) {
  if (a.rows == 0 || a.width == 0) return;
  const bool pieces = rows_in_pieces(a.x, a.x_stride, a.width) &&
                      rows_in_pieces(a.residual, a.residual_stride, a.width) &&
                      rows_in_pieces(a.weight, 0, a.width) && rows_in_pieces(a.bias, 0, a.width) &&
                      rows_in_pieces(a.y, a.width, a.width) && rows_in_pieces(a.sum, a.width, a.width);
  with_row_holding<T>("layer_norm", a.width, [&](auto holding) {
    using Holding = decltype(holding);
    launch(layer_norm_forward_kernel<T, Holding>, row_blocks<typename Holding::Team>(a.rows),
           Holding::threads(a.width), 0, cuda.stream, a, pieces);
  });
}

template void layer_norm_forward(Cuda, const LayerNormForward<float>& a);
template void layer_norm_forward(Cuda, const LayerNormForward<bf16>& a);

}  // namespace athanor
