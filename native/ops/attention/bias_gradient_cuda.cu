// CUDA: dbias = dS, added over the sequences that share the bias, in their order. A block owns 64 rows and N
// columns of one head's plane, goes through the sequences and computes their S and dP once more: rarely is a
// bias a parameter, and P and dS are not in memory. Not yet run on a GPU.
#include "ops/attention/attention_gradient_kernel.h"

namespace athanor {

namespace {

template <class T, int D>
constexpr size_t bias_gradient_shared_bytes() {
  return tile_elements<T, D>(2 * attention_rows + 2 * GradientTiles<T, D>::rows) * sizeof(T);
}

template <class T, int D>
__global__ void __launch_bounds__(attention_threads)
    attention_bias_gradient_kernel(GradientOperands<T> a, float* dbias) {
  constexpr int N = GradientTiles<T, D>::rows;
  SHARED(RelativeTile<N>, relative_tile, [1]);
  T* queries = dynamic_shared<T>();
  T* keys = queries + 2 * tile_elements<T, D>(attention_rows);
  const int column_tiles = static_cast<int>((a.in.bias_columns + N - 1) / N);
  const ScoreTile<Side::queries> tile{static_cast<int>(blockIdx.x) / column_tiles * attention_rows,
                                      static_cast<int>(blockIdx.x) % column_tiles * N};
  const int head = static_cast<int>(blockIdx.y), plane = static_cast<int>(blockIdx.z);
  float sum[N / 8][4] = {};
  const int begin = a.in.bias_shared ? 0 : plane, end = a.in.bias_shared ? a.in.batch : plane + 1;
  for (int sequence = begin; sequence < end; sequence++) {
    const AttentionBlock at{sequence, head, SequenceRows(a.in.offsets, sequence),
                            SequenceRows(a.in.key_offsets, sequence), tile.row};
    const int last = min(tile.row + attention_rows, at.queries.count) - 1;
    if (tile.row > last || tile.column >= at.visible(a.in.causal, last)) continue;  // the whole block
    query_rows(a, at).template load<D, attention_rows>(queries, tile.row);
    key_rows(a, at).template load<D, N>(keys, tile.column);
    copy_async_commit();
    if (a.in.relative.table) fill_relative<Side::queries, N>(relative_tile[0], a.in, at, tile);
    TileStatistics<Side::queries, T, N> statistics;
    statistics.fill_rows(a, at, tile.row);
    copy_async_wait<0>();
    __syncthreads();
    LeftRows<T, D, false> q, d_o;
    q.load(queries + warp_index() * warp_rows * tile_pitch<T, D>);
    d_o.load(queries + (attention_rows + warp_index() * warp_rows) * tile_pitch<T, D>);
    float s[N / 8][4], dp[N / 8][4];
    scores<N>(s, q, keys);
    scores<N>(dp, d_o, keys + tile_elements<T, D>(N));
    differentiate_scores<Side::queries, N, true>(s, dp, a.in, at, tile, &relative_tile[0], statistics);
#pragma unroll
    for (int n = 0; n < N / 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) sum[n][e] += dp[n][e];
    }
    __syncthreads();  // the next sequence overwrites the tiles
  }
  float* to = dbias + (static_cast<int64_t>(plane) * a.in.heads + head) * a.in.bias_rows * a.in.bias_columns;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const int i = tile.row + score_row(e), j = tile.column + score_column(n, e);
      if (i < a.in.bias_rows && j < a.in.bias_columns) to[i * a.in.bias_columns + j] = sum[n][e];
    }
  }
}

}  // namespace

template <class T>
void launch_bias_gradient(const Cuda& cuda, int64_t bias_batch, const GradientOperands<T>& operands,
                          float* dbias) {
  const AttentionOperands<T>& in = operands.in;
  with_head_size(in.head_size, [&](auto size) {
    constexpr int D = decltype(size)::value, N = GradientTiles<T, D>::rows;
    const int64_t row_tiles = (in.bias_rows + attention_rows - 1) / attention_rows;
    const int64_t column_tiles = (in.bias_columns + N - 1) / N;
    const dim3 grid(static_cast<unsigned>(row_tiles * column_tiles), static_cast<unsigned>(in.heads),
                    static_cast<unsigned>(bias_batch));
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    launch(attention_bias_gradient_kernel<T, D>, grid, attention_threads, bias_gradient_shared_bytes<T, D>(),
           cuda.stream, operands, dbias);
  });
}

template void launch_bias_gradient(const Cuda&, int64_t, const GradientOperands<float>&, float*);
template void launch_bias_gradient(const Cuda&, int64_t, const GradientOperands<bf16>&, float*);

}  // namespace athanor
