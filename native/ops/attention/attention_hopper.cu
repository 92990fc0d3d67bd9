// Forward for sm_90a (Shah et al., "FlashAttention-3", 2024, without its producer warps and its overlap of
// two tiles within a warpgroup): a block has 128 queries of a head, 64 to each of two warpgroups, and walks
// over the keys that they see in tiles of 64. Q stays in registers, K and V come by TMA into a ring of four
// tiles, S and P never leave the registers. While one warpgroup makes its softmax the other multiplies: they
// meet only where a tile of the ring is to be overwritten, one tile of keys behind. Slots, masks, softmax and
// epilogue are those of the portable kernel. Not yet run on a GPU.
#include <cstdlib>
#include <string>

#include "cuda/layout_hopper.h"
#include "cuda/tensor_map.h"
#include "cuda/words_hopper.h"
#include "ops/attention/attention_hopper.h"
#include "ops/attention/attention_launch.h"
#include "ops/attention/attention_softmax.h"

namespace athanor {

namespace {

constexpr int hopper_threads = 256, hopper_warps = hopper_threads / warp_size;
constexpr int hopper_rows = hopper_warps * warp_rows;  // of a block
constexpr int hopper_keys = 64;                        // of a tile
constexpr int ring_tiles = 4;
constexpr int panel_bytes = hopper_keys * hopper_line_bytes;  // 64 columns of a tile

template <int D>
constexpr int key_tile_bytes = hopper_keys* D* static_cast<int>(sizeof(bf16));

// Rounded up to where swizzling starts (dynamic memory begins at a multiple of 128), then the ring, the
// queries, and a full and an empty barrier for each tile of the ring.
template <int D>
constexpr int hopper_shared_bytes = hopper_group_bytes - 128 + ring_tiles* key_tile_bytes<D> +
                                    tile_elements<bf16, D>(hopper_rows) * static_cast<int>(sizeof(bf16)) +
                                    2 * ring_tiles * 8;

// Two blocks share a multiprocessor's registers where their accumulators leave room.
template <int D>
constexpr int hopper_blocks = D == 64 ? 2 : 1;

#if HOPPER_WORDS

// The tiles of keys and values in the order in which they are used: of keys 64 t on, K is tile 2 t, V 2 t
// + 1.
template <int D>
struct KeyRing {
  char* tiles;
  uint64_t* full;   // a tile has arrived
  uint64_t* empty;  // all warps have used it
  const CUtensorMap* k;
  const CUtensorMap* v;
  int first_row, column;  // of the sequence and head
  int count;              // of tiles

  __device__ char* at(int tile) const { return tiles + tile % ring_tiles * key_tile_bytes<D>; }
  __device__ int parity(int tile) const { return tile / ring_tiles % 2; }

  // By one thread.
  __device__ void load(int tile) const {
    uint64_t* barrier = full + tile % ring_tiles;
    barrier_arrive_expect(barrier, key_tile_bytes<D>);
#pragma unroll
    for (int panel = 0; panel < D / hopper_line_elements; panel++) {
      tma_load(at(tile) + panel * panel_bytes, tile % 2 ? v : k, barrier,
               column + panel * hopper_line_elements, first_row + tile / 2 * hopper_keys, 0);
    }
  }
  // By all threads.
  __device__ void begin() const {
    if (threadIdx.x == 0) {
      for (int i = 0; i < ring_tiles; i++) {
        barrier_init(full + i, 1);
        barrier_init(empty + i, hopper_warps);
      }
      barrier_init_fence();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int tile = 0; tile < ring_tiles && tile < count; tile++) load(tile);
    }
  }
  // By whole warps, which leave the wait, and lane 0 its loading, together again: wgmma wants that.
  __device__ void wait(int tile) const {
    barrier_wait(full + tile % ring_tiles, parity(tile));
    __syncwarp();
  }
  // By whole warps, after they have waited for their products.
  __device__ void release(int tile) const {
    if (threadIdx.x % warp_size == 0) barrier_arrive(empty + tile % ring_tiles);
  }
  // Overwrites a tile once all warps have used it.
  __device__ void refill(int tile) const {
    if (threadIdx.x != 0 || tile < 0 || tile + ring_tiles >= count) return;
    barrier_wait(empty + tile % ring_tiles, parity(tile));
    load(tile + ring_tiles);
  }
};

// S = Q K^T.
template <int D>
__device__ void multiply_keys(Scores<hopper_keys>& s, const LeftRows<bf16, D, true>& queries, const char* k) {
#pragma unroll
  for (int n = 0; n < hopper_keys / 8; n++) {
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

// P as wgmma takes it.
struct Weights {
  uint32_t fragment[hopper_keys / 16][4];

  __device__ void pack(const Scores<hopper_keys>& p) {
#pragma unroll
    for (int step = 0; step < hopper_keys / 16; step++) {
      const float(&left)[4] = p[2 * step];
      const float(&right)[4] = p[2 * step + 1];
      fragment[step][0] = pack_bf16(left[0], left[1]), fragment[step][1] = pack_bf16(left[2], left[3]);
      fragment[step][2] = pack_bf16(right[0], right[1]), fragment[step][3] = pack_bf16(right[2], right[3]);
    }
  }
};

// O += P V.
template <int D>
__device__ void multiply_values(Accumulator<bf16, D>& sum, const Weights& p, const char* v) {
  wgmma_fence();
#pragma unroll
  for (int step = 0; step < hopper_keys / 16; step++) {
    wgmma_rows<true>(sum.c, p.fragment[step], wgmma_operand(shared_address(v), false, 0, step));
  }
  wgmma_commit();
}

// TMA does not know where the sequence ends: the rows of V beyond, of which P is 0, may hold NaN. Lines are
// cleared whole, so their swizzling does not matter.
template <int D>
__device__ void clear_values(char* v, int rows) {
  constexpr int pieces = hopper_line_bytes / 16, panels = D / hopper_line_elements;
  for (int i = static_cast<int>(threadIdx.x); i < (hopper_keys - rows) * pieces * panels;
       i += hopper_threads) {
    const int line = rows + i / pieces / panels, panel = i / pieces % panels;
    *reinterpret_cast<uint4*>(v + panel * panel_bytes + line * hopper_line_bytes + i % pieces * 16) =
        make_uint4(0, 0, 0, 0);
  }
  shared_writes_fence();
  __syncthreads();
}

#endif

template <int D>
__global__ void __launch_bounds__(hopper_threads, hopper_blocks<D>)
    attention_hopper_kernel(const AttentionOperands<bf16> a, const __grid_constant__ CUtensorMap k_map,
                            const __grid_constant__ CUtensorMap v_map, bf16* o, float* lse) {
#if HOPPER_WORDS
  char* raw = dynamic_shared<char>();
  char* shared = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  bf16* q_tile = reinterpret_cast<bf16*>(shared + ring_tiles * key_tile_bytes<D>);
  uint64_t* barriers = reinterpret_cast<uint64_t*>(q_tile + tile_elements<bf16, D>(hopper_rows));

  const AttentionBlock at = attention_block(a, Side::queries, hopper_rows);
  if (at.row >= at.queries.count) return;
  const int column = at.head * D;
  const int rows = min(hopper_rows, at.queries.count - at.row);
  const int seen = at.visible(a.causal, at.row + rows - 1);  // by the last row: the most
  const KeyRing<D> ring{shared,
                        barriers,
                        barriers + ring_tiles,
                        &k_map,
                        &v_map,
                        at.keys.first,
                        column,
                        2 * ((seen + hopper_keys - 1) / hopper_keys)};

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
  RunningSoftmax<bf16, hopper_keys> softmax;
#pragma unroll 1
  for (int k = 0; k < ring.count; k += 2) {
    const int v = k + 1, key = k / 2 * hopper_keys;
    Scores<hopper_keys> s;
    float keep[2];
    Weights p;
    ring.wait(k);
    multiply_keys<D>(s, queries, ring.at(k));
    ring.refill(k - 2);
    wgmma_wait<0>();
    ring.release(k);
    finish_scores<Side::queries, hopper_keys, false>(s, a, at, ScoreTile<Side::queries>{at.row, key},
                                                     nullptr);
    softmax.add(s, keep);
    sum.each([&](float x, int r) { return x * keep[r]; });
    p.pack(s);
    ring.wait(v);
    if (at.keys.count - key < hopper_keys) clear_values<D>(ring.at(v), at.keys.count - key);
    multiply_values<D>(sum, p, ring.at(v));
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
  const CUtensorMap k = tensor_map(a.in.k, {1, a.in.k_rows, width, a.in.k_stride, 0}, hopper_keys);
  const CUtensorMap v = tensor_map(a.in.v, {1, a.in.k_rows, width, a.in.v_stride, 0}, hopper_keys);
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
