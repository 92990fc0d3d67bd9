// A block of threads on one sequence and a strip of its columns: lanes, a power of two, stand side by side on
// columns (or packs of them), and as many strands as there are blocks of lanes share the rows. Strand s takes
// rows s, s + strands, s + 2 strands ... of the sequence. All threads of the block call combine().
#pragma once

#include <cstdint>

#include "cuda/launch.h"
#include "cuda/tiles.h"

namespace athanor {

constexpr int segment_threads = 256;
constexpr int segment_most_lanes = 32;

// The strips of a sequence, `pack` columns to a lane; the width is a multiple of pack.
struct SegmentStrips {
  int64_t count;
  int lane_bits;
};

inline SegmentStrips segment_strips(int64_t width, int pack) {
  const int64_t packs = width / pack;
  const int bits = lane_bits_for(packs, segment_most_lanes);
  return {(packs + (1 << bits) - 1) >> bits, bits};
}

struct SegmentBlock {
  int64_t sequence, column;  // column of this thread's first element; may lie beyond the width
  int begin, end;            // rows of the sequence
  int lanes, strand, strands;

  __device__ SegmentBlock(const SegmentStrips& strips, const int32_t* offsets, int pack)
      : sequence(blockIdx.x / strips.count), lanes(1 << strips.lane_bits) {
    const int64_t strip = blockIdx.x % strips.count;
    column = (strip * lanes + (threadIdx.x & (lanes - 1))) * pack;
    begin = offsets[sequence], end = offsets[sequence + 1];
    strand = threadIdx.x >> strips.lane_bits, strands = segment_threads >> strips.lane_bits;
  }

  // f over the values of all strands, for each lane; `place` has room for one value of each thread.
  template <class V, class F>
  __device__ V combine(V* place, V value, const F& f) const {
    const int thread = threadIdx.x;
    place[thread] = value;
    for (int half = segment_threads / 2; half >= lanes; half /= 2) {
      __syncthreads();
      if (thread < half) place[thread] = f(place[thread], place[thread + half]);
    }
    __syncthreads();
    value = place[thread & (lanes - 1)];
    __syncthreads();  // before the next call writes to place
    return value;
  }
};

// The sequence of a row: the last that begins at or before it.
__device__ inline int64_t sequence_of(const int32_t* offsets, int64_t batch, int64_t row) {
  int64_t first = 0, last = batch;  // offsets[first] <= row < offsets[last]
  while (last - first > 1) {
    const int64_t middle = (first + last) / 2;
    if (offsets[middle] <= row) {
      first = middle;
    } else {
      last = middle;
    }
  }
  return first;
}

struct Plus {
  template <class V>
  __device__ V operator()(V a, V b) const {
    return a + b;
  }
};

struct Larger {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

}  // namespace athanor
