// Backward for sm_90a: dQ of 128 queries, or dK and dV of 128 keys, of one head. The block keeps its rows of
// two tensors in shared memory and the other side passes by, as in the portable kernel, whose formulas,
// masks, statistics and slots these are:
//   rows are queries:  S = Q K^T,  dP = dO V^T,  dQ = scale dS K
//   rows are keys:     S^T = K Q^T,  dP^T = V dO^T,  dV = P^T dO,  dK = scale dS^T Q
// P and dS never leave the registers. Not yet run on a GPU.
#include "cuda/tensor_map.h"
#include "ops/attention/attention_gradient_kernel.h"
#include "ops/attention/attention_hopper.h"
#include "ops/attention/attention_ring_hopper.h"

namespace athanor {

namespace {

// Two tensors of one side: q and d_o, or k and v.
struct PairMaps {
  CUtensorMap first, second;
};

constexpr int kept_tiles = 4;  // of 64 rows: two of each tensor

// Rounded up to where swizzling starts, the ring, the rows that are kept, the barriers of the ring and
// theirs.
template <int D>
constexpr int gradient_hopper_bytes = hopper_group_bytes - 128 +
                                      (ring_tiles + kept_tiles) * hopper_tile_bytes<D> +
                                      (2 * ring_tiles + 1) * 8;

#if HOPPER_WORDS

// A block's rows of two tensors: tile 2 w of warpgroup w is of the first, 2 w + 1 of the second. What TMA
// brings from beyond the sequence only meets itself: a row of products depends on its own row alone.
template <int D>
__device__ void load_kept(char* tiles, const PairMaps& maps, uint64_t* arrived, int row, int column) {
  barrier_arrive_expect(arrived, kept_tiles * hopper_tile_bytes<D>);
#pragma unroll
  for (int i = 0; i < kept_tiles; i++) {
#pragma unroll
    for (int panel = 0; panel < D / hopper_line_elements; panel++) {
      tma_load(tiles + i * hopper_tile_bytes<D> + panel * panel_bytes, i % 2 ? &maps.second : &maps.first,
               arrived, column + panel * hopper_line_elements, row + i / 2 * hopper_tile_rows, 0);
    }
  }
}

// s = A B^T of two tiles.
template <int D>
__device__ void multiply_tiles(Scores<hopper_tile_rows>& s, const char* a, const char* b) {
#pragma unroll
  for (int step = 0; step < D / 16; step++) {
    const uint32_t panel = static_cast<uint32_t>(step / 4 * panel_bytes);
    wgmma_m64n64k16(s, wgmma_operand(shared_address(a) + panel, true, 0, step % 4),
                    wgmma_operand(shared_address(b) + panel, true, 0, step % 4));
  }
}

// Rows are keys: statistics of the passing queries, by each warp for itself.
__device__ inline void fill_columns(TileStatistics<Side::keys, bf16, hopper_tile_rows>& statistics,
                                    const GradientOperands<bf16>& a, const AttentionBlock& at, int query) {
  __syncwarp();  // those of the tile before have been used
  for (int i = static_cast<int>(threadIdx.x) % warp_size; i < hopper_tile_rows; i += warp_size) {
    statistics.columns[i] = QueryStatistics<bf16>::of(a, at, query + i);
  }
  __syncwarp();
}

// The part of the other side that a block meets, in whole tiles from `begin`.
struct PassingRows {
  int first, count;  // row in the batch and length of the sequence
  int begin, end;
};

template <Side side>
__device__ PassingRows passing_rows(const AttentionOperands<bf16>& a, const AttentionBlock& at) {
  if constexpr (side == Side::queries) {
    const int last = min(at.row + hopper_rows, at.queries.count) - 1;
    return {at.keys.first, at.keys.count, 0, at.visible(a.causal, last)};
  }
  int begin = 0;
  if (a.causal) {
    begin = max(0, at.row - (at.keys.count - at.queries.count)) / hopper_tile_rows * hopper_tile_rows;
  }
  return {at.queries.first, at.queries.count, begin, at.queries.count};
}

#endif

template <int D, Side side>
__global__ void __launch_bounds__(hopper_threads, 1)
    attention_gradient_hopper_kernel(const GradientOperands<bf16> a, const __grid_constant__ PairMaps mine,
                                     const __grid_constant__ PairMaps others,
                                     const GradientResults<bf16> results) {
#if HOPPER_WORDS
  constexpr int N = hopper_tile_rows;
  SHARED(QueryStatistics<bf16>, column_statistics, [side == Side::keys ? hopper_warps * N : 1]);
  char* raw = dynamic_shared<char>();
  char* shared = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  char* kept = shared + ring_tiles * hopper_tile_bytes<D>;
  uint64_t* barriers = reinterpret_cast<uint64_t*>(kept + kept_tiles * hopper_tile_bytes<D>);
  uint64_t* kept_arrived = barriers + 2 * ring_tiles;

  const AttentionBlock at = attention_block(a.in, side, hopper_rows);
  const SequenceRows rows = side == Side::queries ? at.queries : at.keys;
  if (at.row >= rows.count) return;
  const int column = at.head * D;
  const PassingRows passing = passing_rows<side>(a.in, at);
  const int steps = max(0, passing.end - passing.begin + N - 1) / N;
  const TileRing<D> ring{shared,        barriers,       barriers + ring_tiles,
                         &others.first, &others.second, passing.first + passing.begin,
                         column,        2 * steps};
  if (threadIdx.x == 0) barrier_init(kept_arrived, 1);
  ring.begin();
  if (threadIdx.x == 0) load_kept<D>(kept, mine, kept_arrived, rows.first + at.row, column);
  TileStatistics<side, bf16, N> statistics;
  if constexpr (side == Side::queries) {
    statistics.fill_rows(a, at, at.row);
  } else {
    statistics.columns = column_statistics + warp_index() * N;
  }
  const char* kept_first = kept + warp_index() / 4 * 2 * hopper_tile_bytes<D>;
  const char* kept_second = kept_first + hopper_tile_bytes<D>;
  Accumulator<bf16, D> sum_first, sum_second;
  sum_first.clear();
  if (side == Side::keys) sum_second.clear();
  barrier_wait(kept_arrived, 0);

#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    const int first = 2 * step, second = first + 1, other = passing.begin + step * N;
    Scores<N> s = {}, dp = {};
    PackedScores p, ds;
    ring.wait(first);
    ring.wait(second);
    if (passing.count - other < N) {
      clear_rows<D>(ring.at(first), passing.count - other);
      clear_rows<D>(ring.at(second), passing.count - other);
      publish_cleared();
    }
    keep_before_wgmma(s);
    keep_before_wgmma(dp);
    wgmma_fence();
    multiply_tiles<D>(s, kept_first, ring.at(first));
    multiply_tiles<D>(dp, kept_second, ring.at(second));
    wgmma_commit();
    ring.refill(first - 2);
    ring.refill(second - 2);
    if constexpr (side == Side::keys) fill_columns(statistics, a, at, other);
    wgmma_wait<0>();
    differentiate_scores<side, N, false>(s, dp, a.in, at, ScoreTile<side>{at.row, other}, nullptr,
                                         statistics);
    if (side == Side::keys) p.pack(s);
    ds.pack(dp);
    wgmma_fence();
    if (side == Side::keys) accumulate_tile<D>(sum_second, p, ring.at(second));
    accumulate_tile<D>(sum_first, ds, ring.at(first));
    wgmma_commit();
    wgmma_wait<0>();
    ring.release(first);
    ring.release(second);
  }
  __syncthreads();  // nobody multiplies any more: tiles become rows of results

  bf16* warp_first = reinterpret_cast<bf16*>(shared) + warp_index() * warp_rows * tile_pitch<bf16, D>;
  write_gradient<bf16, D>(sum_first, a.in.scale, a.in, at, rows, warp_first, results.first,
                          results.first_stride);
  if (side == Side::keys) {
    write_gradient<bf16, D>(sum_second, a.in.keep_scale, a.in, at, rows,
                            warp_first + tile_elements<bf16, D>(hopper_rows), results.second,
                            results.second_stride);
  }
#endif
}

template <int D, Side side>
void launch_gradient_hopper(const Cuda& cuda, const AttentionBackward<bf16>& a,
                            const GradientOperands<bf16>& operands, const GradientResults<bf16>& results) {
  const AttentionInputs<bf16>& in = a.in;
  const auto map = [&](const bf16* rows, int64_t count, int64_t stride) {
    return tensor_map(rows, {1, count, in.heads * in.head_size, stride, 0}, hopper_tile_rows);
  };
  const PairMaps queries{map(in.q, in.q_rows, in.q_stride), map(a.d_o, in.q_rows, a.d_o_stride)};
  const PairMaps keys{map(in.k, in.k_rows, in.k_stride), map(in.v, in.k_rows, in.v_stride)};
  const bool of_queries = side == Side::queries;
  const dim3 grid = attention_grid(of_queries ? in.q_rows : in.k_rows, in, hopper_rows);
  launch(attention_gradient_hopper_kernel<D, side>, grid, dim3(hopper_threads), gradient_hopper_bytes<D>,
         cuda.stream, operands, of_queries ? queries : keys, of_queries ? keys : queries, results);
}

}  // namespace

template <Side side>
void attention_gradient_hopper(const Cuda& cuda, const AttentionBackward<bf16>& a,
                               const GradientOperands<bf16>& operands, const GradientResults<bf16>& results) {
  a.in.head_size == 64 ? launch_gradient_hopper<64, side>(cuda, a, operands, results)
                       : launch_gradient_hopper<128, side>(cuda, a, operands, results);
}

template void attention_gradient_hopper<Side::queries>(const Cuda&, const AttentionBackward<bf16>&,
                                                       const GradientOperands<bf16>&,
                                                       const GradientResults<bf16>&);
template void attention_gradient_hopper<Side::keys>(const Cuda&, const AttentionBackward<bf16>&,
                                                    const GradientOperands<bf16>&,
                                                    const GradientResults<bf16>&);

}  // namespace athanor
