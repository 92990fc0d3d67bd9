// Forward for sm_90a (Shah et al., "FlashAttention-3", 2024, without its producer warps and its overlap of
// two tiles within a warpgroup): a block has 128 queries of a head, 64 to each of two warpgroups, and walks
// over the keys that they see in tiles of 64. Q stays in registers, K and V come by TMA into a ring of four
// tiles, S and P never leave the registers. While one warpgroup makes its softmax the other multiplies: they
// meet only where a tile of the ring is to be overwritten, one tile of keys behind. Slots, masks, softmax and
// epilogue are those of the portable kernel. Not yet run on a GPU.
#include <cstdlib>
#include <string>

#include "cuda/tensor_map.h"
#include "ops/attention/attention_hopper.h"
#include "ops/attention/attention_launch.h"
#include "ops/attention/attention_ring_hopper.h"
#include "ops/attention/attention_softmax.h"

namespace athanor {

namespace {

// Rounded up to where swizzling starts (dynamic memory begins at a multiple of 128), then the ring, the
// queries, and a full and an empty barrier for each tile of the ring.
template <int D>
constexpr int hopper_shared_bytes = hopper_group_bytes - 128 + ring_tiles* hopper_tile_bytes<D> +
                                    tile_elements<bf16, D>(hopper_rows) * static_cast<int>(sizeof(bf16)) +
                                    2 * ring_tiles * 8;

// Two blocks share a multiprocessor's registers where their accumulators leave room.
template <int D>
constexpr int hopper_blocks = D == 64 ? 2 : 1;

#if HOPPER_WORDS

// S = Q K^T.
template <int D>
__device__ void multiply_keys(Scores<hopper_tile_rows>& s, const LeftRows<bf16, D, true>& queries,
                              const char* k) {
#pragma unroll
  for (int n = 0; n < hopper_tile_rows / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] = 0.0f;
  }
  wgmma_fence();
#pragma unroll
  for (int step = 0; step < D / 16; step++) {
    const uint32_t panel = shared_address(k) + static_cast<uint32_t>(step / 4 * panel_bytes);
    wgmma_rows<false>(s, queries.kept[step], wgmma_operand(panel, true, 0, step % 4));
  }
  wgmma_commit();
}

#endif

template <int D>
__global__ void __launch_bounds__(hopper_threads, hopper_blocks<D>)
    attention_hopper_kernel(const AttentionOperands<bf16> a, const __grid_constant__ CUtensorMap k_map,
                            const __grid_constant__ CUtensorMap v_map, bf16* o, float* lse) {
#if HOPPER_WORDS
  char* raw = dynamic_shared<char>();
  char* shared = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  bf16* q_tile = reinterpret_cast<bf16*>(shared + ring_tiles * hopper_tile_bytes<D>);
  uint64_t* barriers = reinterpret_cast<uint64_t*>(q_tile + tile_elements<bf16, D>(hopper_rows));

  const AttentionBlock at = attention_block(a, Side::queries, hopper_rows);
  if (at.row >= at.queries.count) return;
  const int column = at.head * D;
  const int rows = min(hopper_rows, at.queries.count - at.row);
  const int seen = at.visible(a.causal, at.row + rows - 1);  // by the last row: the most
  const TileRing<D> ring{shared,
                         barriers,
                         barriers + ring_tiles,
                         &k_map,
                         &v_map,
                         at.keys.first,
                         column,
                         2 * ((seen + hopper_tile_rows - 1) / hopper_tile_rows)};

  load_tile<bf16, D, hopper_rows, hopper_threads>(
      q_tile, a.q + (at.queries.first + at.row) * a.q_stride + column, a.q_stride, rows, D, true);
  copy_async_commit();
  ring.begin();
  copy_async_wait<0>();
  __syncthreads();
  bf16* warp_tile = q_tile + warp_index() * warp_rows * tile_pitch<bf16, D>;
  LeftRows<bf16, D, true> queries;
  queries.load(warp_tile);

  Accumulator<bf16, D> sum;
  sum.clear();
  RunningSoftmax<bf16, hopper_tile_rows> softmax;
#pragma unroll 1
  for (int k = 0; k < ring.count; k += 2) {
    const int v = k + 1, key = k / 2 * hopper_tile_rows;
    Scores<hopper_tile_rows> s;
    float keep[2];
    PackedScores p;
    ring.wait(k);
    multiply_keys<D>(s, queries, ring.at(k));
    ring.refill(k - 2);
    wgmma_wait<0>();
    ring.release(k);
    finish_scores<Side::queries, hopper_tile_rows, false>(s, a, at, ScoreTile<Side::queries>{at.row, key},
                                                          nullptr);
    softmax.add(s, keep);
    sum.each([&](float x, int r) { return x * keep[r]; });
    p.pack(s);
    ring.wait(v);
    if (at.keys.count - key < hopper_tile_rows) {
      clear_rows<D>(ring.at(v), at.keys.count - key);
      publish_cleared();
    }
    wgmma_fence();
    accumulate_tile<D>(sum, p, ring.at(v));
    wgmma_commit();
    ring.refill(v - 2);
    wgmma_wait<0>();
    ring.release(v);
  }
  write_output<bf16, D>(a, at, softmax, sum, warp_tile, o, lse);
#endif
}

template <int D>
void launch_hopper(const Cuda& cuda, const AttentionForward<bf16>& a,
                   const AttentionOperands<bf16>& operands) {
  const int64_t width = a.in.heads * a.in.head_size;
  const CUtensorMap k = tensor_map(a.in.k, {1, a.in.k_rows, width, a.in.k_stride, 0}, hopper_tile_rows);
  const CUtensorMap v = tensor_map(a.in.v, {1, a.in.k_rows, width, a.in.v_stride, 0}, hopper_tile_rows);
  launch(attention_hopper_kernel<D>, attention_grid(a.in.q_rows, a.in, hopper_rows), dim3(hopper_threads),
         hopper_shared_bytes<D>, cuda.stream, operands, k, v, a.o, a.lse);
}

}  // namespace

bool hopper_attention_wanted() {
  const char* value = std::getenv("ATHANOR_CUDA_ATTENTION");
  const std::string name = value == nullptr || *value == '\0' ? "portable" : value;
  if (name == "portable" || name == "hopper") return name == "hopper";
  throw Error(ErrorCode::argument, "ATHANOR_CUDA_ATTENTION must be portable or hopper, got " + name);
}

void attention_forward_hopper(const Cuda& cuda, const AttentionForward<bf16>& a,
                              const AttentionOperands<bf16>& operands) {
  a.in.head_size == 64 ? launch_hopper<64>(cuda, a, operands) : launch_hopper<128>(cuda, a, operands);
}

}  // namespace athanor
