// CUDA: P and dS of a tile, recomputed from the saved statistics: what all gradients begin with. With m the
// dropout mask times 1 / (1 - p) and delta the sum over d of dO O:
//   P = exp(S - lse),  dP = (dO V^T) m,  dS = P (dP - delta)
#pragma once

#include "ops/attention/attention_scores.h"

namespace athanor {

// What gradients take besides the operands of forward.
template <class T>
struct GradientOperands {
  AttentionOperands<T> in;
  const T* d_o;  // (Tq, H*D)
  int64_t d_o_stride;
  const float* lse;    // (H, Tq)
  const float* delta;  // (H, Tq)
};

// lse and delta of a query in the units of scores; beyond the rows, and for a query that sees nothing, P
// comes out as 0.
template <class T>
struct QueryStatistics {
  float lse, delta;

  __device__ static QueryStatistics of(const GradientOperands<T>& a, const AttentionBlock& at, int query) {
    if (query >= at.queries.count) return {INFINITY, 0.0f};
    const int64_t row = at.head * a.in.q_rows + at.queries.first + query;
    const float lse = a.lse[row];
    return {lse == -INFINITY ? INFINITY : lse * Exponent<T>::unit, a.delta[row]};
  }
};

// Rows of a tile are queries: a lane keeps the statistics of its two. Rows are keys: those of the tile's
// queries lie in shared memory, filled by all threads; barriers are the caller's.
template <Side side, class T, int N>
struct TileStatistics;

template <class T, int N>
struct TileStatistics<Side::queries, T, N> {
  QueryStatistics<T> row[2];

  __device__ void fill_rows(const GradientOperands<T>& a, const AttentionBlock& at, int first_query) {
#pragma unroll
    for (int r = 0; r < 2; r++) row[r] = QueryStatistics<T>::of(a, at, first_query + score_row(2 * r));
  }
  __device__ QueryStatistics<T> operator()(int, int e) const {
    return row[e / 2];
  }
};

template <class T, int N>
struct TileStatistics<Side::keys, T, N> {
  QueryStatistics<T>* columns;  // (N)

  __device__ void fill_columns(const GradientOperands<T>& a, const AttentionBlock& at, int first_query) {
    const int i = static_cast<int>(threadIdx.x);
    if (i < N) columns[i] = QueryStatistics<T>::of(a, at, first_query + i);
  }
  __device__ QueryStatistics<T> operator()(int n, int e) const { return columns[score_column(n, e)]; }
};

// From products to gradients: s, Q K^T, becomes P m (1 - p); dp, dO V^T, becomes dS.
template <Side side, int N, bool options, class T>
__device__ inline void differentiate_scores(float (&s)[N / 8][4], float (&dp)[N / 8][4],
                                            const AttentionOperands<T>& a, const AttentionBlock& at,
                                            const ScoreTile<side>& tile, const RelativeTile<N>* relative,
                                            const TileStatistics<side, T, N>& statistics) {
  finish_scores<side, N, options>(s, a, at, tile, relative);
  KeptElements<side, N> mask;
  const bool dropping = options && a.dropout;
  if constexpr (options) {
    if (dropping) mask.fill(a, at, tile);
  }
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const QueryStatistics<T> query = statistics(n, e);
      const float p = Exponent<T>::of(s[n][e] - query.lse);
      const bool kept = !dropping || mask.kept(n, e);
      const float weighted = dropping ? (kept ? dp[n][e] * a.keep_scale : 0.0f) : dp[n][e];
      s[n][e] = kept ? p : 0.0f;
      dp[n][e] = p * (weighted - query.delta);
    }
  }
}

}  // namespace athanor
