// The threads that share a row: a warp for narrow rows, several of which a block then takes, or a block for
// wide ones; and how much of the row each thread keeps in registers.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "cuda/launch.h"
#include "cuda/reduce.h"
#include "cuda/row_values.h"

namespace athanor {

constexpr int64_t warp_row_most = 1024;                   // columns of a row that a warp takes
constexpr int64_t block_row_most = 8192;                  // columns of a row that a block keeps in registers
constexpr int64_t row_most = (int64_t{1} << 31) - 65536;  // columns are counted in 32 bits

// warp_sum for double too.
template <class V>
__device__ V warp_total(V v) {
#pragma unroll
  for (int offset = warp_size / 2; offset > 0; offset /= 2) v += __shfl_xor_sync(full_mask, v, offset);
  return v;
}

class WarpTeam {
 public:
  static constexpr int rows_per_block = 4;
  static constexpr int most_threads = rows_per_block * warp_size;
  static constexpr int least_blocks = 4;  // on a multiprocessor: up to 128 registers per thread

  __device__ int rank() const { return static_cast<int>(threadIdx.x) % warp_size; }
  __device__ int size() const { return warp_size; }
  // The team's number among all teams of the grid, and how many there are.
  __device__ int64_t index() const {
    return static_cast<int64_t>(blockIdx.x) * rows_per_block + static_cast<int64_t>(threadIdx.x) / warp_size;
  }
  __device__ int64_t count() const { return static_cast<int64_t>(gridDim.x) * rows_per_block; }

  // Every thread of the team calls these, and gets the result.
  template <class V>
  __device__ V sum(V v) {
    return warp_total(v);
  }
  template <class V>
  __device__ void sum_two(V& a, V& b) {
    a = warp_total(a), b = warp_total(b);
  }
  __device__ float max(float v) { return warp_max(v); }
};

// A kernel has one such object for all its sums: it remembers which place was used last.
class BlockTeam {
 public:
  static constexpr int rows_per_block = 1;
  static constexpr int most_threads = 512;
  static constexpr int least_blocks = 1;

  __device__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ int size() const { return static_cast<int>(blockDim.x); }
  __device__ int64_t index() const { return blockIdx.x; }
  __device__ int64_t count() const { return gridDim.x; }

  template <class V>
  __device__ V sum(V v) {
    SHARED(V, place, [2][warp_size]);
    give(place[turn_], warp_total(v));
    __syncthreads();
    v = warp_total(take(place[turn_], V(0)));
    turn_ ^= 1;
    return v;
  }
  template <class V>
  __device__ void sum_two(V& a, V& b) {
    SHARED(V, places, [2][2][warp_size]);
    give(places[turn_][0], warp_total(a));
    give(places[turn_][1], warp_total(b));
    __syncthreads();
    a = warp_total(take(places[turn_][0], V(0)));
    b = warp_total(take(places[turn_][1], V(0)));
    turn_ ^= 1;
  }
  __device__ float max(float v) {
    SHARED(float, place, [2][warp_size]);
    give(place[turn_], warp_max(v));
    __syncthreads();
    v = warp_max(take(place[turn_], -INFINITY));
    turn_ ^= 1;
    return v;
  }

 private:
  // One value per warp, and that of warp i for lane i.
  template <class V>
  __device__ void give(V* place, V v) const {
    if (threadIdx.x % warp_size == 0) place[threadIdx.x / warp_size] = v;
  }
  template <class V>
  __device__ V take(const V* place, V absent) const {
    const unsigned lane = threadIdx.x % warp_size;
    return lane < blockDim.x / warp_size ? place[lane] : absent;
  }

  // Values are handed round in two places by turns: one barrier each, as nobody writes to a place again
  // before everybody has passed the barrier of the other.
  int turn_ = 0;
};

template <class Team>
unsigned row_blocks(int64_t rows) {
  return blocks_for(static_cast<size_t>(rows), Team::rows_per_block);
}

// Threads of a block whose teams read rows of this width once and hold nothing: about four pieces each.
template <class T, class Team>
unsigned reading_threads(int64_t width) {
  if constexpr (Team::rows_per_block > 1) return Team::most_threads;
  const int64_t wanted = (width / (4 * piece<T>)+warp_size - 1) / warp_size * warp_size;
  return static_cast<unsigned>(std::clamp<int64_t>(wanted, 128, Team::most_threads));
}

inline void check_row_width(const char* op, int64_t width) {
  if (width <= row_most) return;
  throw Error(ErrorCode::shape, std::string(op) + ": on CUDA a row must have at most " +
                                    std::to_string(row_most) + " elements, got " + std::to_string(width));
}

// How a row is held: `pieces` pieces of 16 bytes in each thread of the team, or 0: it is too wide for that
// and is read again in every pass.
template <class T, class TeamOfRow, int pieces_held>
struct RowHolding {
  using Team = TeamOfRow;
  static constexpr int pieces = pieces_held;
  static unsigned threads(int64_t width) {
    if constexpr (Team::rows_per_block > 1 || pieces == 0) return Team::most_threads;
    constexpr size_t each = (pieces > 0 ? pieces : 1) * piece<T> * warp_size;
    return blocks_for(static_cast<size_t>(width), each) * warp_size;
  }
};

// Calls f with the RowHolding for rows of `width` elements: 8, 16, 24 (for the width 768) or 32 elements in
// each lane of a warp up to `warp_most` columns, 8 or 16 in each thread of a block. Throws ERR_SHAPE for a
// row of 2^31 elements.
template <class T, int64_t warp_most = warp_row_most, class F>
void with_row_holding(const char* op, int64_t width, const F& f) {
  check_row_width(op, width);
  constexpr int eight = 8 / piece<T>;
  if (width <= 256) return f(RowHolding<T, WarpTeam, eight>{});
  if (width <= 512) return f(RowHolding<T, WarpTeam, 2 * eight>{});
  if constexpr (warp_most > 512) {
    if (width <= 768) return f(RowHolding<T, WarpTeam, 3 * eight>{});
    if (width <= 1024) return f(RowHolding<T, WarpTeam, 4 * eight>{});
  }
  if (width <= block_row_most / 2) return f(RowHolding<T, BlockTeam, eight>{});
  if (width <= block_row_most) return f(RowHolding<T, BlockTeam, 2 * eight>{});
  f(RowHolding<T, BlockTeam, 0>{});
}

// Calls body(i, column) for this thread's pieces of a row that is held in `pieces` pieces per thread, or,
// with 0, for all that the thread is to read; i is then always 0.
template <class T, int pieces, class Team, class Body>
__device__ void for_pieces(const Team& team, int width, const Body& body) {
  if constexpr (pieces > 0) {
#pragma unroll
    for (int i = 0; i < pieces; i++) body(i, (i * team.size() + team.rank()) * piece<T>);
  } else {
    const int step = team.size() * piece<T>;
    for (int column = team.rank() * piece<T>; column < width; column += step) body(0, column);
  }
}

}  // namespace athanor
