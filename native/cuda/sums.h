// Sums of element-wise expressions over rows, columns or all of a matrix, in an order that depends on the
// sizes alone: no atomics, the same bits on every GPU. f and its operands are those of map.h.
//
// A thread keeps what each fp32 addition rounds away, and adds it at the end in double, as is everything from
// there on: a sum is as exact as its terms. Where one launch leaves too few threads busy, the matrix is cut
// into partial sums and a second launch adds those.
#pragma once

#include "cuda/map.h"
#include "cuda/scratch.h"

namespace athanor {

constexpr int sum_threads = 256;
constexpr int sum_run = 32;  // packs of a row that a thread adds before another may take over
// About as many warps as an H200 holds: rows are cut until there are so many, columns until there are as many
// in blocks, but for a thread to keep 16 rows at least.
constexpr int64_t sum_teams = 8192;
constexpr int64_t sum_blocks = 1024;
constexpr int64_t sum_least_rows = 16;

// A sum and its rounding errors (Ogita, Rump and Oishi, "Accurate sum and dot product", 2005, Sum2): seven
// additions for one, which memory leaves time for, where double would not on GPUs with few fp64 units.
struct RunningSum {
  float sum = 0, lost = 0;

  __device__ void add(float x) {
    const float next = sum + x;
    const float added = next - sum;
    lost += (sum - (next - added)) + (x - added);
    sum = next;
  }
  // Of infinities nothing is lost, but NaN computed.
  __device__ double total() const {
    return isfinite(sum) ? static_cast<double>(sum) + static_cast<double>(lost) : static_cast<double>(sum);
  }
};

// Where sums go: partial ones, or the results.
struct PartialSums {
  double* data;
  __device__ void put(int64_t i, double total) const { data[i] = total; }
};

template <class T>
struct ScaledSums {
  T* data;
  double scale;
  __device__ void put(int64_t i, double total) const {
    data[i] = from_float<T>(static_cast<float>(total * scale));
  }
};

template <int count, class F, class... X>
__device__ inline void add_loaded(RunningSum (&sums)[count], const F& f, const X&... x) {
  for (int i = 0; i < count; i++) sums[i].add(f(x[i]...));
}

// ---- sums over whole rows ----

// `groups` sums, each over `rows` rows. A row is cut into stretches; partial sum p of a group has every
// `partials`-th stretch from the p-th on.
struct RowSums {
  int64_t groups, rows, width;
  int64_t stretches, stretch;  // per row, and elements of one
  int64_t partials;
  int lane_bits;  // log2 of the lanes that add one partial sum
  bool vectors;
};

template <int pack, class F, class... X>
__device__ inline double sum_stretch(const RowSums& s, int64_t row, int64_t begin, int lane, const F& f,
                                     const X&... x) {
  const int64_t end = begin + s.stretch < s.width ? begin + s.stretch : s.width;
  const int64_t step = int64_t{pack} << s.lane_bits;
  RunningSum sums[pack], rest[1];
  int64_t column = begin + lane * pack;
  if (s.vectors) {
    // Four packs of several operands would spill, as would four rows of them below.
#pragma unroll(sizeof...(X) > 1 ? 2 : 4)
    for (; column + pack <= end; column += step) {
      add_loaded<pack>(sums, f, x.template load<pack>(row, column)...);
    }
  }
#pragma unroll 1
  for (; column < end; column += step) {
#pragma unroll 1
    for (int64_t i = column; i < end && i < column + pack; i++) {
      add_loaded<1>(rest, f, x.template load<1>(row, i)...);
    }
  }
  double total = rest[0].total();
  for (int i = 0; i < pack; i++) total += sums[i].total();
  return total;
}

// Without a least number of blocks the compiler spills up to 24 bytes to save a few registers.
template <int pack, class F, class Y, class... X>
__global__ void __launch_bounds__(sum_threads, 1) sum_rows_kernel(RowSums s, F f, Y y, X... x) {
  const int lanes = 1 << s.lane_bits, lane = threadIdx.x & (lanes - 1);
  const int64_t team = (int64_t{blockIdx.x} * sum_threads + threadIdx.x) >> s.lane_bits;
  const int64_t partial = team / s.groups, group = team % s.groups;
  const int64_t stretches = partial < s.partials ? s.rows * s.stretches : 0;
  double total = 0;
  for (int64_t i = partial; i < stretches; i += s.partials) {
    const int64_t row = group * s.rows + i / s.stretches;
    total += sum_stretch<pack>(s, row, i % s.stretches * s.stretch, lane, f, x...);
  }
  for (int offset = lanes / 2; offset > 0; offset /= 2) total += __shfl_xor_sync(full_mask, total, offset);
  if (lane == 0 && partial < s.partials) y.put(team, total);
}

// ---- sums over columns ----

// A matrix (rows, width) for each of `outer`; a block has one of `tiles` ranges of columns and one of
// `blocks` ranges of `block_rows` rows, lanes along the columns and the rest of its threads along the rows.
struct ColumnSums2d {
  int64_t outer, rows, width;
  int64_t tiles, blocks, block_rows;
  int lane_bits;
  bool vectors;

  __device__ int lanes() const { return 1 << lane_bits; }
  __device__ int row_threads() const { return sum_threads >> lane_bits; }
  __device__ int row_thread() const { return threadIdx.x >> lane_bits; }
  __device__ int64_t column(int pack) const {
    return ((int64_t{blockIdx.x} % tiles << lane_bits) + (threadIdx.x & (lanes() - 1))) * pack;
  }
  __device__ int64_t range() const { return int64_t{blockIdx.x} / tiles; }  // outer index * blocks + block
};

// Adds what the row threads have of each column; the first of them get the totals.
template <int pack>
__device__ inline void add_row_threads(double (&total)[pack], const ColumnSums2d& s) {
  SHARED(double, sums, [pack][sum_threads]);
  for (int i = 0; i < pack; i++) sums[i][threadIdx.x] = total[i];
  for (int half = s.row_threads() / 2; half > 0; half /= 2) {
    __syncthreads();
    if (s.row_thread() >= half) continue;
    for (int i = 0; i < pack; i++) sums[i][threadIdx.x] += sums[i][threadIdx.x + (half << s.lane_bits)];
  }
  for (int i = 0; i < pack; i++) total[i] = sums[i][threadIdx.x];
}

// Every row_threads()-th row from `begin` on.
template <int pack, class F, class... X>
__device__ inline void sum_row_range(RunningSum (&sums)[pack], const ColumnSums2d& s, int64_t begin,
                                     int64_t end, int64_t column, const F& f, const X&... x) {
  if (s.vectors && s.width - column >= pack) {
#pragma unroll(sizeof...(X) > 1 ? 2 : 4)
    for (int64_t row = begin; row < end; row += s.row_threads()) {
      add_loaded<pack>(sums, f, x.template load<pack>(row, column)...);
    }
    return;
  }
#pragma unroll 1
  for (int64_t row = begin; row < end; row += s.row_threads()) {
    for (int i = 0; i < pack; i++) {
      RunningSum one[1] = {sums[i]};
      if (column + i < s.width) add_loaded<1>(one, f, x.template load<1>(row, column + i)...);
      sums[i] = one[0];
    }
  }
}

template <int pack, class F, class Y, class... X>
__global__ void __launch_bounds__(sum_threads) sum_columns_kernel(ColumnSums2d s, F f, Y y, X... x) {
  const int64_t column = s.column(pack);
  const int64_t begin = s.range() % s.blocks * s.block_rows, first = s.range() / s.blocks * s.rows;
  const int64_t end = begin + s.block_rows < s.rows ? begin + s.block_rows : s.rows;
  RunningSum sums[pack];
  sum_row_range<pack>(sums, s, first + begin + s.row_thread(), first + end, column, f, x...);
  double total[pack];
  for (int i = 0; i < pack; i++) total[i] = sums[i].total();
  add_row_threads<pack>(total, s);
  if (s.row_thread() > 0) return;
  for (int i = 0; i < pack; i++) {
    if (column + i < s.width) y.put(s.range() * s.width + column + i, total[i]);
  }
}

// y (outer, width) from partial sums (outer, rows, width).
template <class Y>
__global__ void __launch_bounds__(sum_threads)
    add_partial_sums_kernel(ColumnSums2d s, const double* partial, Y y) {
  const int64_t column = s.column(1);
  double total[1] = {};
  if (column < s.width) {
    for (int64_t row = s.row_thread(); row < s.rows; row += s.row_threads()) {
      total[0] += partial[(s.range() * s.rows + row) * s.width + column];
    }
  }
  add_row_threads<1>(total, s);
  if (s.row_thread() == 0 && column < s.width) y.put(s.range() * s.width + column, total[0]);
}

// ---- launches ----

// One block of rows; `blocks` may be raised afterwards.
inline ColumnSums2d column_sums_for(int64_t outer, int64_t rows, int64_t width, int pack) {
  ColumnSums2d s{outer, rows, width, 0, 1, rows, 0, false};
  s.lane_bits = lane_bits_for((width + pack - 1) / pack, warp_size);
  const int64_t columns = int64_t{pack} << s.lane_bits;
  s.tiles = (width + columns - 1) / columns;
  return s;
}

inline unsigned grid_for(const ColumnSums2d& s) {
  return static_cast<unsigned>(s.outer * s.blocks * s.tiles);
}

template <class Y>
void add_partial_sums(const Cuda& cuda, const double* partial, int64_t outer, int64_t rows, int64_t width,
                      Y y) {
  const ColumnSums2d s = column_sums_for(outer, rows, width, 1);
  launch(add_partial_sums_kernel<Y>, grid_for(s), sum_threads, 0, cuda.stream, s, partial, y);
}

// y[g] = scale * the sum of f over rows [g * rows, (g + 1) * rows), for `groups` groups.
template <class T, class F, class... X>
void sum_rows(const Cuda& cuda, const F& f, T* y, double scale, int64_t groups, int64_t rows, int64_t width,
              const X&... x) {
  if (groups == 0) return;
  constexpr int pack = pack_of<typename X::Element...>();
  if (groups == 1 && rows > 1 && (x.flat(width) && ...)) {
    width *= rows;
    rows = 1;
  }
  RowSums s{groups, rows, width, 0, 0, 0, 0, (x.template aligned<pack>(groups * rows) && ...)};
  s.lane_bits = lane_bits_for(width / (4 * pack), warp_size);
  s.stretch = int64_t{pack * sum_run} << s.lane_bits;
  s.stretches = (width + s.stretch - 1) / s.stretch;
  s.partials = std::max<int64_t>(1, std::min(rows * s.stretches, sum_teams / groups));
  const unsigned blocks = blocks_for(static_cast<size_t>(groups * s.partials), sum_threads >> s.lane_bits);
  if (s.partials == 1) {
    using Y = ScaledSums<T>;
    launch(sum_rows_kernel<pack, F, Y, X...>, blocks, sum_threads, 0, cuda.stream, s, f, Y{y, scale}, x...);
    return;
  }
  Scratch<double> partial(cuda, s.partials * groups);
  launch(sum_rows_kernel<pack, F, PartialSums, X...>, blocks, sum_threads, 0, cuda.stream, s, f,
         PartialSums{partial.data()}, x...);
  add_partial_sums(cuda, partial.data(), 1, s.partials, groups, ScaledSums<T>{y, scale});
}

// y (outer, width) = scale * the sum of f over the rows of each (rows, width).
template <class T, class F, class... X>
void sum_columns(const Cuda& cuda, const F& f, T* y, double scale, int64_t outer, int64_t rows, int64_t width,
                 const X&... x) {
  if (outer == 0 || width == 0) return;
  constexpr int pack = pack_of<typename X::Element...>();
  ColumnSums2d s = column_sums_for(outer, rows, width, pack);
  s.vectors = (x.template aligned<pack>(outer * rows) && ...);
  const int64_t most = std::max<int64_t>(1, sum_blocks / (outer * s.tiles));
  const int64_t cut = rows / (sum_least_rows * (sum_threads >> s.lane_bits));
  s.blocks = std::max<int64_t>(1, std::min(cut, most));
  s.block_rows = (rows + s.blocks - 1) / s.blocks;
  if (s.blocks == 1) {
    using Y = ScaledSums<T>;
    launch(sum_columns_kernel<pack, F, Y, X...>, grid_for(s), sum_threads, 0, cuda.stream, s, f, Y{y, scale},
           x...);
    return;
  }
  Scratch<double> partial(cuda, outer * s.blocks * width);
  launch(sum_columns_kernel<pack, F, PartialSums, X...>, grid_for(s), sum_threads, 0, cuda.stream, s, f,
         PartialSums{partial.data()}, x...);
  add_partial_sums(cuda, partial.data(), outer, s.blocks, width, ScaledSums<T>{y, scale});
}

}  // namespace athanor
