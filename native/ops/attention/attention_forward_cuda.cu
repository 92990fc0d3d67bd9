// CUDA forward (Dao, "FlashAttention-2", 2023, without its split of warps): a block has 64 queries of a head
// and walks over the keys they see in tiles. Softmax is made online: a larger score rescales what was summed
// before. While a tile's scores are made its values arrive, and the next keys while it is multiplied by them.
// Not yet run on a GPU.
#include "ops/attention/attention_launch.h"
#include "ops/attention/attention_scores.h"

namespace athanor {

namespace {

template <class T>
constexpr int forward_keys = sizeof(T) == 2 ? 64 : 32;  // of a tile

// On a multiprocessor at once: three leave 168 registers to a thread, with which large heads of bf16 would
// spill.
template <class T, int D, bool options>
constexpr int forward_blocks = sizeof(T) == 2 && D > (options ? 64 : 96) ? 2 : 3;

template <class T, int D>
constexpr size_t forward_shared_bytes() {
  constexpr int N = forward_keys<T>;
  return tile_elements<T, D>(attention_rows + 2 * N) * sizeof(T) + exchange_floats<T, N> * sizeof(float);
}

// Softmax of a lane's two rows over the keys so far.
template <class T, int N>
struct RunningSoftmax {
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {0.0f, 0.0f};  // over this lane's columns

  // Scores become exp(score - largest); keep: what earlier sums are multiplied by.
  __device__ void add(float (&s)[N / 8][4], float (&keep)[2]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float now = largest[r];
#pragma unroll
      for (int n = 0; n < N / 8; n++) now = fmaxf(now, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
      now = fmaxf(now, __shfl_xor_sync(full_mask, now, 1));
      now = fmaxf(now, __shfl_xor_sync(full_mask, now, 2));
      const float shift = now == -INFINITY ? 0.0f : now;  // of nothing: -inf - -inf would be NaN
      keep[r] = Exponent<T>::of(largest[r] - shift);
      largest[r] = now;
      float sum = 0.0f;
#pragma unroll
      for (int n = 0; n < N / 8; n++) {
#pragma unroll
        for (int e = 2 * r; e < 2 * r + 2; e++) {
          s[n][e] = Exponent<T>::of(s[n][e] - shift);
          sum += s[n][e];
        }
      }
      total[r] = total[r] * keep[r] + sum;
    }
  }

  // Over the lanes of a row.
  __device__ void finish() {
#pragma unroll
    for (int r = 0; r < 2; r++) total[r] = warp_sum_of_row(total[r]);
  }
  __device__ static float warp_sum_of_row(float x) {
    x += __shfl_xor_sync(full_mask, x, 1);
    return x + __shfl_xor_sync(full_mask, x, 2);
  }

  // log sum exp of row r, in natural units.
  __device__ float logarithm(int r) const {
    if (total[r] == 0.0f) return -INFINITY;
    return (largest[r] + Exponent<T>::log(total[r])) / Exponent<T>::unit;
  }
};

// P becomes P m (1 - p).
template <int N, class T>
__device__ inline void drop(float (&p)[N / 8][4], const AttentionOperands<T>& a, const AttentionBlock& at,
                            const ScoreTile<Side::queries>& tile) {
  if (!a.dropout) return;
  KeptElements<Side::queries, N> mask;
  mask.fill(a, at, tile);
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) p[n][e] = mask.kept(n, e) ? p[n][e] : 0.0f;
  }
}

// The rows of a warp, by way of its part of the tile of queries.
template <class T, int D, int N>
__device__ inline void write_output(const AttentionOperands<T>& a, const AttentionBlock& at,
                                    RunningSoftmax<T, N>& softmax, Accumulator<T, D>& sum, T* warp_tile, T* o,
                                    float* lse) {
  softmax.finish();
  float scale[2];
#pragma unroll
  for (int r = 0; r < 2; r++) scale[r] = softmax.total[r] == 0.0f ? 0.0f : a.keep_scale / softmax.total[r];
  // 0 also where 0 V is NaN.
  sum.each([&](float x, int r) { return scale[r] == 0.0f ? 0.0f : x * scale[r]; });
  sum.write(warp_tile);
  const int warp_row = at.row + warp_index() * warp_rows, rows = at.queries.count - warp_row;
  const int64_t first = at.queries.first + warp_row, width = static_cast<int64_t>(a.heads) * a.head_size;
  store_warp_rows<T, D>(o + first * width + at.head * a.head_size, width, warp_tile, rows, a.head_size,
                        a.vectors);
  if (!lse || lane_pair() != 0) return;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = lane_group() + 8 * r;
    if (row < rows) lse[at.head * a.q_rows + first + row] = softmax.logarithm(r);
  }
}

template <class T, int D, bool options>
__global__ void __launch_bounds__(attention_threads, forward_blocks<T, D, options>)
    attention_forward_kernel(AttentionOperands<T> a, T* o, float* lse) {
  constexpr int N = forward_keys<T>;
  using Relative = RelativeTile<relative_columns<options, N>>;
  SHARED(Relative, relative_tile, [1]);
  const RelativeTile<N>* relative = nullptr;
  if constexpr (options) relative = &relative_tile[0];
  T* q_tile = dynamic_shared<T>();
  T* k_tile = q_tile + tile_elements<T, D>(attention_rows);
  T* v_tile = k_tile + tile_elements<T, D>(N);
  float* exchange = reinterpret_cast<float*>(v_tile + tile_elements<T, D>(N));
  exchange += exchange_floats<T, N> / attention_warps * warp_index();

  const AttentionBlock at = attention_block(a, Side::queries);
  if (at.row >= at.queries.count) return;
  const int column = at.head * a.head_size;
  const int64_t first_row = at.queries.first + at.row;
  const int rows = min(attention_rows, at.queries.count - at.row);
  const int seen = at.visible(a.causal, at.row + rows - 1);  // by the last row: the most
  const T* k = a.k + at.keys.first * a.k_stride + column;
  const T* v = a.v + at.keys.first * a.v_stride + column;

  load_tile<T, D, attention_rows>(q_tile, a.q + first_row * a.q_stride + column, a.q_stride, rows,
                                  a.head_size, a.vectors);
  copy_async_commit();
  load_tile<T, D, N>(k_tile, k, a.k_stride, at.keys.count, a.head_size, a.vectors);
  copy_async_commit();
  copy_async_wait<1>();
  __syncthreads();
  T* warp_tile = q_tile + warp_index() * warp_rows * tile_pitch<T, D>;
  LeftRows<T, D, true> queries;
  queries.load(warp_tile);

  Accumulator<T, D> sum;
  sum.clear();
  RunningSoftmax<T, N> softmax;
  for (int key = 0; key < seen; key += N) {
    const ScoreTile<Side::queries> tile{at.row, key};
    if constexpr (options) fill_relative<Side::queries>(relative_tile[0], a, at, tile);
    copy_async_wait<0>();
    __syncthreads();  // keys are there; the values before have been used
    load_tile<T, D, N>(v_tile, v + key * a.v_stride, a.v_stride, at.keys.count - key, a.head_size, a.vectors);
    copy_async_commit();
    float s[N / 8][4], keep[2];
    scores<N>(s, queries, k_tile);
    finish_scores<Side::queries, N, options>(s, a, at, tile, relative);
    softmax.add(s, keep);
    if constexpr (options) drop<N>(s, a, at, tile);
    sum.each([&](float x, int r) { return x * keep[r]; });
    copy_async_wait<0>();
    __syncthreads();  // values are there; keys have been used
    const int next = key + N;
    if (next < seen) {
      load_tile<T, D, N>(k_tile, k + next * a.k_stride, a.k_stride, at.keys.count - next, a.head_size,
                         a.vectors);
    }
    copy_async_commit();
    sum.template accumulate<N>(s, v_tile, exchange);
  }
  copy_async_wait<0>();

  write_output<T, D>(a, at, softmax, sum, warp_tile, o, lse);
}

}  // namespace

template <class T>
void attention_forward(Cuda cuda, const AttentionForward<T>& a) {
  check_attention_sequences(cuda, a.in);
  if (a.in.q_rows == 0) return;
  const AttentionSetup<T> setup(cuda, a.in, {{a.o, a.in.heads * a.in.head_size}});
  const dim3 grid = attention_grid(a.in.q_rows, a.in);
  with_head_size(a.in.head_size, [&](auto size) {
    constexpr int D = decltype(size)::value;
    const auto kernel =
        setup.options ? attention_forward_kernel<T, D, true> : attention_forward_kernel<T, D, false>;
    launch(kernel, grid, attention_threads, forward_shared_bytes<T, D>(), cuda.stream, setup.operands, a.o,
           a.lse);
  });
}

template void attention_forward(Cuda, const AttentionForward<float>&);
template void attention_forward(Cuda, const AttentionForward<bf16>&);

}  // namespace athanor
