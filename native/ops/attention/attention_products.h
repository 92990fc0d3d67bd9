// CUDA: the two products that attention is made of, of one warp, for bf16 on tensor cores and for fp32 by
// fused multiply-adds:
//   scores      S (16, N) = A B^T     A: 16 rows and B: N rows of a head, both in shared memory
//   accumulate  C (16, D) += P B      P (16, N) in the registers of a score, B: N rows in shared memory
//
// Scores lie in registers as mma leaves them (mma.h), whatever the type: with group = lane / 4 and pair =
// lane % 4, s[n][e] is row group + 8 (e / 2), column 8 n + 2 pair + e % 2. So masks, softmax and dropout are
// written once. Accumulators keep rows group and group + 8 as well; their columns are the product's affair.
#pragma once

#include "ops/attention/attention_tile.h"

namespace athanor {

template <int N>
using Scores = float[N / 8][4];

__device__ inline int lane_group() {
  return static_cast<int>(threadIdx.x) % warp_size / 4;
}
__device__ inline int lane_pair() {
  return static_cast<int>(threadIdx.x) % 4;
}
__device__ inline int warp_index() {
  return static_cast<int>(threadIdx.x) / warp_size;
}

// A of scores(). in_registers: its fragments are loaded once and kept, for bf16.
template <class T, int D, bool in_registers>
struct LeftRows;

template <int D>
struct LeftRows<bf16, D, true> {
  uint32_t kept[D / 16][4];

  __device__ void load(const bf16* rows) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
    for (int step = 0; step < D / 16; step++) {
      ldmatrix_x4(kept[step], rows + (lane & 15) * tile_pitch<bf16, D> + 16 * step + (lane >> 4) * 8);
    }
  }
  __device__ void fragment(int step, uint32_t (&a)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; i++) a[i] = kept[step][i];
  }
};

template <int D>
struct LeftRows<bf16, D, false> {
  const bf16* lane_row;

  __device__ void load(const bf16* rows) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    lane_row = rows + (lane & 15) * tile_pitch<bf16, D> + (lane >> 4) * 8;
  }
  __device__ void fragment(int step, uint32_t (&a)[4]) const { ldmatrix_x4(a, lane_row + 16 * step); }
};

template <int D, bool in_registers>
struct LeftRows<float, D, in_registers> {
  const float* rows;

  __device__ void load(const float* from) { rows = from; }
};

template <int N, int D, bool in_registers>
__device__ inline void scores(float (&s)[N / 8][4], const LeftRows<bf16, D, in_registers>& left,
                              const bf16* b) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const bf16* lane_row = b + ((lane & 7) + (lane >> 4 << 3)) * tile_pitch<bf16, D> + (lane >> 3 & 1) * 8;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] = 0.0f;
  }
#pragma unroll
  for (int step = 0; step < D / 16; step++) {
    uint32_t a[4];
    left.fragment(step, a);
#pragma unroll
    for (int n = 0; n < N / 8; n += 2) {
      uint32_t both[4];
      ldmatrix_x4(both, lane_row + 8 * n * tile_pitch<bf16, D> + 16 * step);
      const uint32_t first[2] = {both[0], both[1]}, second[2] = {both[2], both[3]};
      mma_m16n8k16(s[n], a, first);
      mma_m16n8k16(s[n + 1], a, second);
    }
  }
}

// Four products by themselves before they join a long sum: a quarter of its additions, half of its error.
__device__ inline float product_of_four(const float4& a, const float4& b) {
  return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, a.x * b.x)));
}

template <int N, int D, bool in_registers>
__device__ inline void scores(float (&s)[N / 8][4], const LeftRows<float, D, in_registers>& left,
                              const float* b) {
  constexpr int pitch = tile_pitch<float, D>;
  const float* rows = left.rows + lane_group() * pitch;
  const float* columns = b + 2 * lane_pair() * pitch;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
#pragma unroll
    for (int e = 0; e < 4; e++) s[n][e] = 0.0f;
  }
#pragma unroll 2
  for (int d = 0; d < D; d += 4) {
    const float4 above = *reinterpret_cast<const float4*>(rows + d);
    const float4 below = *reinterpret_cast<const float4*>(rows + 8 * pitch + d);
#pragma unroll
    for (int n = 0; n < N / 8; n++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const float4 column = *reinterpret_cast<const float4*>(columns + (8 * n + e) * pitch + d);
        s[n][e] += product_of_four(above, column), s[n][e + 2] += product_of_four(below, column);
      }
    }
  }
}

// Floats of shared memory that accumulate() needs for a block: fp32 hands P from lane to lane through it.
template <class T, int N>
constexpr int exchange_pitch = N + 4;
template <class T, int N>
constexpr int exchange_floats = sizeof(T) == 4 ? attention_rows* exchange_pitch<T, N> : 0;

// Scores of a warp as rows in shared memory. Barriers of the warp are the caller's.
template <int N>
__device__ inline void write_scores(float* rows, const float (&s)[N / 8][4]) {
  constexpr int pitch = N + 4;
#pragma unroll
  for (int n = 0; n < N / 8; n++) {
    float* to = rows + lane_group() * pitch + 8 * n + 2 * lane_pair();
    *reinterpret_cast<float2*>(to) = make_float2(s[n][0], s[n][1]);
    *reinterpret_cast<float2*>(to + 8 * pitch) = make_float2(s[n][2], s[n][3]);
  }
}

template <class T, int D>
struct Accumulator;

template <int D>
struct Accumulator<bf16, D> {
  float c[D / 8][4];

  __device__ void clear() {
    each([](float&, int) -> float { return 0.0f; });
  }

  // c = f(c, 0 for row group, 1 for row group + 8)
  template <class F>
  __device__ void each(const F& f) {
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) c[n][e] = f(c[n][e], e / 2);
    }
  }

  template <int N>
  __device__ void accumulate(const float (&p)[N / 8][4], const bf16* b, float*) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    const bf16* lane_row = b + (lane & 15) * tile_pitch<bf16, D> + (lane >> 4) * 8;
#pragma unroll
    for (int step = 0; step < N / 16; step++) {
      const float(&left)[4] = p[2 * step];
      const float(&right)[4] = p[2 * step + 1];
      const uint32_t a[4] = {pack_bf16(left[0], left[1]), pack_bf16(left[2], left[3]),
                             pack_bf16(right[0], right[1]), pack_bf16(right[2], right[3])};
#pragma unroll
      for (int n = 0; n < D / 8; n += 2) {
        uint32_t both[4];
        ldmatrix_x4_trans(both, lane_row + 16 * step * tile_pitch<bf16, D> + 8 * n);
        const uint32_t first[2] = {both[0], both[1]}, second[2] = {both[2], both[3]};
        mma_m16n8k16(c[n], a, first);
        mma_m16n8k16(c[n + 1], a, second);
      }
    }
  }

  // To the warp's rows of a tile.
  __device__ void write(bf16* rows) const {
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
      bf16* to = rows + lane_group() * tile_pitch<bf16, D> + 8 * n + 2 * lane_pair();
      *reinterpret_cast<uint32_t*>(to) = pack_bf16(c[n][0], c[n][1]);
      *reinterpret_cast<uint32_t*>(to + 8 * tile_pitch<bf16, D>) = pack_bf16(c[n][2], c[n][3]);
    }
  }
};

template <int D>
struct Accumulator<float, D> {
  float c[2][D / 16][4];  // columns 16 n + 4 pair + i

  __device__ void clear() {
    each([](float&, int) -> float { return 0.0f; });
  }

  template <class F>
  __device__ void each(const F& f) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
#pragma unroll
      for (int n = 0; n < D / 16; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) c[r][n][i] = f(c[r][n][i], r);
      }
    }
  }

  // exchange: the warp's 16 rows of N + 4 floats.
  template <int N>
  __device__ void accumulate(const float (&p)[N / 8][4], const float* b, float* exchange) {
    __syncwarp();  // what was exchanged before has been read
    write_scores<N>(exchange, p);
    __syncwarp();
    const float* rows = exchange + lane_group() * (N + 4);
    const float* columns = b + 4 * lane_pair();
#pragma unroll 1
    for (int k = 0; k < N; k += 4) {
      const float4 weights[2] = {*reinterpret_cast<const float4*>(rows + k),
                                 *reinterpret_cast<const float4*>(rows + 8 * (N + 4) + k)};
#pragma unroll
      for (int n = 0; n < D / 16; n++) {
        float4 value[4];  // of keys k to k + 3
#pragma unroll
        for (int j = 0; j < 4; j++) {
          value[j] = *reinterpret_cast<const float4*>(columns + (k + j) * tile_pitch<float, D> + 16 * n);
        }
#pragma unroll
        for (int r = 0; r < 2; r++) {
          const float4& w = weights[r];
          c[r][n][0] += product_of_four(w, make_float4(value[0].x, value[1].x, value[2].x, value[3].x));
          c[r][n][1] += product_of_four(w, make_float4(value[0].y, value[1].y, value[2].y, value[3].y));
          c[r][n][2] += product_of_four(w, make_float4(value[0].z, value[1].z, value[2].z, value[3].z));
          c[r][n][3] += product_of_four(w, make_float4(value[0].w, value[1].w, value[2].w, value[3].w));
        }
      }
    }
  }

  __device__ void write(float* rows) const {
#pragma unroll
    for (int r = 0; r < 2; r++) {
#pragma unroll
      for (int n = 0; n < D / 16; n++) {
        float* to = rows + (lane_group() + 8 * r) * tile_pitch<float, D> + 16 * n + 4 * lane_pair();
        *reinterpret_cast<float4*>(to) = make_float4(c[r][n][0], c[r][n][1], c[r][n][2], c[r][n][3]);
      }
    }
  }
};

}  // namespace athanor
