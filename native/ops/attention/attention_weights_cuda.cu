// CUDA: the probabilities themselves, P = exp(S - lse), for whoever asks to see them. One launch for each
// sequence: its place in the result depends on the lengths before it, which the host knows here. Not yet run
// on a GPU.
#include "ops/attention/attention_gradient.h"
#include "ops/attention/attention_launch.h"

namespace athanor {

namespace {

constexpr int weight_keys = 32;  // of a tile

template <class T, int D>
constexpr size_t weights_shared_bytes() {
  return tile_elements<T, D>(attention_rows + weight_keys) * sizeof(T);
}

// weights (H, Lq, Lk) of one sequence: a block for 64 queries and 32 keys of a head.
template <class T, int D>
__global__ void __launch_bounds__(attention_threads)
    attention_weights_kernel(GradientOperands<T> a, int sequence, float* weights) {
  constexpr int N = weight_keys;
  SHARED(RelativeTile<N>, relative_tile, [1]);
  T* q_tile = dynamic_shared<T>();
  T* k_tile = q_tile + tile_elements<T, D>(attention_rows);
  const AttentionOperands<T>& in = a.in;
  const SequenceRows queries(in.offsets, sequence), keys(in.key_offsets, sequence);
  const int key_tiles = (keys.count + N - 1) / N;
  const int head = static_cast<int>(blockIdx.y), column = head * in.head_size;
  const ScoreTile<Side::queries> tile{static_cast<int>(blockIdx.x) / key_tiles * attention_rows,
                                      static_cast<int>(blockIdx.x) % key_tiles * N};
  const AttentionBlock at{sequence, head, queries, keys, tile.row};
  const T* q = in.q + (queries.first + tile.row) * in.q_stride + column;
  const T* k = in.k + (keys.first + tile.column) * in.k_stride + column;
  load_tile<T, D, attention_rows>(q_tile, q, in.q_stride, queries.count - tile.row, in.head_size, in.vectors);
  load_tile<T, D, N>(k_tile, k, in.k_stride, keys.count - tile.column, in.head_size, in.vectors);
  copy_async_commit();
  if (in.relative.table) fill_relative<Side::queries, N>(relative_tile[0], in, at, tile);
  copy_async_wait<0>();
  __syncthreads();
  LeftRows<T, D, false> left;
  left.load(q_tile + warp_index() * warp_rows * tile_pitch<T, D>);
  float s[N / 8][4];
  scores<N>(s, left, k_tile);
  finish_scores<Side::queries, N, true>(s, in, at, tile, &relative_tile[0]);
  float* to = weights + static_cast<int64_t>(head) * queries.count * keys.count;
#pragma unroll
  for (int e = 0; e < 4; e++) {
    const int i = tile.row + score_row(e);
    if (i >= queries.count) continue;
    const float lse = a.lse[head * in.q_rows + queries.first + i];
    const float shift = lse == -INFINITY ? INFINITY : lse * Exponent<T>::unit;
#pragma unroll
    for (int n = 0; n < N / 8; n++) {
      const int j = tile.column + score_column(n, e);
      if (j < keys.count) to[static_cast<int64_t>(i) * keys.count + j] = Exponent<T>::of(s[n][e] - shift);
    }
  }
}

}  // namespace

template <class T>
void attention_weights(Cuda cuda, const AttentionWeights<T>& a) {
  const AttentionSetup<T> setup(cuda, a.in, {});
  const HostIndices offsets(cuda, a.in.offsets, a.in.batch + 1);
  const HostIndices key_offsets(cuda, a.in.key_offsets, a.in.batch + 1);
  const GradientOperands<T> operands{setup.operands, nullptr, 0, a.lse, nullptr};
  float* weights = a.weights;
  for (int sequence = 0; sequence < setup.operands.batch; sequence++) {
    const int64_t rows = offsets.data()[sequence + 1] - offsets.data()[sequence];
    const int64_t keys = key_offsets.data()[sequence + 1] - key_offsets.data()[sequence];
    if (rows == 0 || keys == 0) continue;
    const unsigned row_tiles = blocks_for(static_cast<size_t>(rows), attention_rows);
    const dim3 grid(row_tiles * blocks_for(static_cast<size_t>(keys), weight_keys),
                    static_cast<unsigned>(a.in.heads));
    with_head_size(a.in.head_size, [&](auto size) {
      constexpr int D = decltype(size)::value;
      launch(attention_weights_kernel<T, D>, grid, attention_threads, weights_shared_bytes<T, D>(),
             cuda.stream, operands, sequence, weights);
    });
    weights += a.in.heads * rows * keys;
  }
}

template void attention_weights(Cuda, const AttentionWeights<float>&);
template void attention_weights(Cuda, const AttentionWeights<bf16>&);

}  // namespace athanor
