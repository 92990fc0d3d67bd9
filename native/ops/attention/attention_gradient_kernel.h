// CUDA: dQ of 64 queries, or dK and dV of 64 keys, of one head. The block keeps its two tiles of 64 rows and
// the other side passes by in tiles of N rows, so every sum has one owner and a fixed order:
//   rows are queries:  S = Q K^T,  dP = dO V^T,  dQ = scale dS K
//   rows are keys:     S^T = K Q^T,  dP^T = V dO^T,  dV = (P m)^T dO,  dK = scale dS^T Q
// S and dP are thus computed twice; in exchange there are neither atomics nor partial sums in memory, and P
// and dS never leave the registers. With a table of relative biases, blocks of queries also sum dS by bucket.
#pragma once

#include "ops/attention/attention_backward.h"
#include "ops/attention/attention_launch.h"
#include "ops/attention/table_gradient.h"

namespace athanor {

// How many rows of the other side a tile has, and how many tiles are under way. 64 rows would take all 255
// registers of a thread at D = 64 already and leave two blocks to a multiprocessor. What lies in shared
// memory stays below the 99 KB of the smallest GPUs.
template <class T, int D>
struct GradientTiles {
  static constexpr int rows = sizeof(T) == 4 && D > 96 ? 16 : 32;
  static constexpr int stages = sizeof(T) == 4 ? 1 : 2;
};

template <class T, int D>
constexpr size_t gradient_shared_bytes() {
  constexpr int N = GradientTiles<T, D>::rows, stages = GradientTiles<T, D>::stages;
  return tile_elements<T, D>(2 * attention_rows + 2 * N * stages) * sizeof(T) +
         exchange_floats<T, N> * sizeof(float);
}

// The two tensors of one side, at the first row of a sequence.
template <class T>
struct RowPair {
  const T* first;
  const T* second;
  int64_t first_stride, second_stride;
  int count, width;
  bool vectors;

  template <int D, int rows>
  __device__ void load(T* to, int row) const {
    load_tile<T, D, rows>(to, first + row * first_stride, first_stride, count - row, width, vectors);
    load_tile<T, D, rows>(to + tile_elements<T, D>(rows), second + row * second_stride, second_stride,
                          count - row, width, vectors);
  }
};

template <class T>
__device__ inline RowPair<T> query_rows(const GradientOperands<T>& a, const AttentionBlock& at) {
  const int64_t row = at.queries.first, column = at.head * a.in.head_size;
  return {a.in.q + row * a.in.q_stride + column,
          a.d_o + row * a.d_o_stride + column,
          a.in.q_stride,
          a.d_o_stride,
          at.queries.count,
          a.in.head_size,
          a.in.vectors};
}

template <class T>
__device__ inline RowPair<T> key_rows(const GradientOperands<T>& a, const AttentionBlock& at) {
  const int64_t row = at.keys.first, column = at.head * a.in.head_size;
  return {a.in.k + row * a.in.k_stride + column,
          a.in.v + row * a.in.v_stride + column,
          a.in.k_stride,
          a.in.v_stride,
          at.keys.count,
          a.in.head_size,
          a.in.vectors};
}

template <class T, int D, bool options, Side side>
__global__ void __launch_bounds__(attention_threads)
    attention_gradient_kernel(GradientOperands<T> a, GradientResults<T> results) {
  constexpr int N = GradientTiles<T, D>::rows, stages = GradientTiles<T, D>::stages;
  constexpr int kept_tile = tile_elements<T, D>(attention_rows), passing_tile = tile_elements<T, D>(N);
  constexpr bool in_registers = D <= (side == Side::queries ? 64 : 32);
  SHARED(RelativeTile < options ? N : 8 >, relative_tile, [1]);
  SHARED(QueryStatistics<T>, column_statistics, [side == Side::keys ? N : 1]);
  T* kept = dynamic_shared<T>();
  T* passing = kept + 2 * kept_tile;
  float* exchange = reinterpret_cast<float*>(passing + 2 * stages * passing_tile);
  float* table_shared = exchange + exchange_floats<T, N>;
  exchange += exchange_floats<T, N> / attention_warps * warp_index();

  const AttentionBlock at = attention_block(a.in, side);
  const int count = side == Side::queries ? at.queries.count : at.keys.count;
  TableSums<N, options && side == Side::queries> table;
  table.clear(table_shared, results.table, a.in.relative, at.head, a.in.heads);
  if (at.row >= count) return table.write();
  const RowPair<T> mine = side == Side::queries ? query_rows(a, at) : key_rows(a, at);
  const RowPair<T> others = side == Side::queries ? key_rows(a, at) : query_rows(a, at);
  // The others that see, or are seen by, any of this block's rows.
  int begin = 0, end = others.count;
  if (side == Side::queries) {
    end = at.visible(a.in.causal, min(at.row + attention_rows, count) - 1);
  } else if (a.in.causal) {
    begin = max(0, at.row - (at.keys.count - at.queries.count)) / N * N;
  }

  mine.template load<D, attention_rows>(kept, at.row);
  if (stages > 1 && begin < end) others.template load<D, N>(passing, begin);
  copy_async_commit();
  TileStatistics<side, T, N> statistics;
  if constexpr (side == Side::queries) {
    statistics.fill_rows(a, at, at.row);
  } else {
    statistics.columns = column_statistics;
  }
  T* warp_first = kept + warp_index() * warp_rows * tile_pitch<T, D>;
  T* warp_second = warp_first + kept_tile;
  LeftRows<T, D, in_registers> left_first, left_second;
  if (in_registers) {
    copy_async_wait<0>();
    __syncthreads();
  }
  left_first.load(warp_first);
  left_second.load(warp_second);
  Accumulator<T, D> sum_first, sum_second;
  sum_first.clear();
  if (side == Side::keys) sum_second.clear();

  for (int other = begin, stage = 0; other < end; other += N, stage = (stage + 1) % stages) {
    const int next = stages > 1 ? other + N : other;
    if (next < end) {
      others.template load<D, N>(passing + 2 * passing_tile * ((stage + 1) % stages), next);
    }
    copy_async_commit();
    const ScoreTile<side> tile{at.row, other};
    if constexpr (side == Side::keys) statistics.fill_columns(a, at, other);
    if constexpr (options) {
      if (a.in.relative.table) fill_relative<side, N>(relative_tile[0], a.in, at, tile);
    }
    copy_async_wait<stages - 1>();
    __syncthreads();
    const T* first = passing + 2 * passing_tile * stage;
    const T* second = first + passing_tile;
    float s[N / 8][4], dp[N / 8][4];
    scores<N>(s, left_first, first);
    scores<N>(dp, left_second, second);
    const RelativeTile<N>* relative = nullptr;
    if constexpr (options) relative = &relative_tile[0];
    differentiate_scores<side, N, options>(s, dp, a.in, at, tile, relative, statistics);
    if constexpr (side == Side::keys) sum_second.template accumulate<N>(s, second, exchange);
    sum_first.template accumulate<N>(dp, first, exchange);
    if constexpr (options && side == Side::queries) table.add(dp, *relative);
    __syncthreads();  // the next tile overwrites this one
  }
  copy_async_wait<0>();
  __syncthreads();

  const int warp_row = at.row + warp_index() * warp_rows;
  const int64_t column = at.head * a.in.head_size;
  const int64_t row = (side == Side::queries ? at.queries.first : at.keys.first) + warp_row;
  if (results.first) {
    sum_first.each([&](float x, int) { return x * a.in.scale; });
    sum_first.write(warp_first);
    store_warp_rows<T, D>(results.first + row * results.first_stride + column, results.first_stride,
                          warp_first, count - warp_row, a.in.head_size, a.in.vectors);
  }
  if (side == Side::keys && results.second) {
    sum_second.each([&](float x, int) { return x * a.in.keep_scale; });
    sum_second.write(warp_second);
    store_warp_rows<T, D>(results.second + row * results.second_stride + column, results.second_stride,
                          warp_second, count - warp_row, a.in.head_size, a.in.vectors);
  }
  table.write();
}

template <class T, Side side>
void launch_attention_gradient(const Cuda& cuda, dim3 grid, bool options, const GradientOperands<T>& operands,
                               const GradientResults<T>& results) {
  with_head_size(operands.in.head_size, [&](auto size) {
    constexpr int D = decltype(size)::value, N = GradientTiles<T, D>::rows;
    size_t bytes = gradient_shared_bytes<T, D>();
    if (results.table) bytes += table_floats<N>(operands.in.relative.buckets) * sizeof(float);
    const auto kernel =
        options ? attention_gradient_kernel<T, D, true, side> : attention_gradient_kernel<T, D, false, side>;
    launch(kernel, grid, attention_threads, bytes, cuda.stream, operands, results);
  });
}

}  // namespace athanor
