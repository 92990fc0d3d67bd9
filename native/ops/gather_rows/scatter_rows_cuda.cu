// scatter_rows on CUDA: positions are sorted by row, every 64 of a row are summed in fp32 in ascending order,
// and a row of more adds those sums in double: the order, and for f32 the bits, of the CPU. A row with many
// positions is thus the work of many threads, and no thread adds more than 64 rows of dy in a line.
#include <algorithm>

#include "cuda/bf16.h"
#include "cuda/scratch.h"
#include "cuda/sort_positions.h"
#include "cuda/tiles.h"
#include "cuda/vector.h"
#include "ops/gather_rows/gather_rows.h"

namespace athanor {

namespace {

constexpr int64_t group = 64;

// Where the sum of the group that begins at `at` waits, for rows of more than one group. Of any 64 sorted
// positions at most one begins a row's last group and at most one any other.
__device__ int64_t partial_slot(int64_t at, int64_t row_end) {
  return at / group * 2 + (row_end - at <= group);
}

// Floats of one access to partial.
template <int count>
constexpr int piece_of = count < 4 ? count : 4;

template <int count, class T, class G>
__device__ void store_sum(const ScatterRows<T, G>& a, G* dx, const float (&sum)[count]) {
  Vector<G, count> value;
  if (a.accumulate) value = load_vector<count>(dx);
#pragma unroll
  for (int i = 0; i < count; i++)
    value[i] = from_float<G>(a.accumulate ? to_float(value[i]) + sum[i] : sum[i]);
  store_vector(dx, value);
}

// The sum over the sorted positions [begin, end), `count` columns from `column` on.
template <int count, class T, class G>
__device__ void sum_group(const ScatterRows<T, G>& a, int64_t begin, int64_t end, int64_t column,
                          float (&sum)[count]) {
  for (int i = 0; i < count; i++) sum[i] = 0.0f;
#pragma unroll 4
  for (int64_t at = begin; at < end; at++) {
    const Vector<T, count> dy = load_vector<count>(a.dy + a.order[at] * a.ld_dy + column);
#pragma unroll
    for (int i = 0; i < count; i++) sum[i] += to_float(dy[i]);
  }
}

// partial (2 ceil(count / 64), width).
template <int count, class T, class G>
__device__ void scatter_group(const ScatterRows<T, G>& a, int64_t row, int64_t begin, int64_t row_end,
                              bool only, int64_t column, float* partial) {
  float sum[count];
  sum_group(a, begin, min(begin + group, row_end), column, sum);
  if (only) {
    store_sum(a, a.dx + row * a.width + column, sum);
    return;
  }
  constexpr int piece = piece_of<count>;
  float* to = partial + partial_slot(begin, row_end) * a.width + column;
#pragma unroll
  for (int i = 0; i < count; i += piece) {
    Vector<float, piece> value;
    for (int j = 0; j < piece; j++) value[j] = sum[i + j];
    store_vector(to + i, value);
  }
}

// Lanes along a row as in tiles.h. The sorted positions lie along x without a loop: only where a group begins
// there is work, and the hardware's order of blocks spreads it better than a stride would.
template <int pack, class T, class G>
__global__ void __launch_bounds__(tile_threads)
    scatter_groups_kernel(int lane_bits, bool vectors, ScatterRows<T, G> a, float* partial) {
  const int lanes = 1 << lane_bits, lane = threadIdx.x & (lanes - 1);
  const int64_t at = int64_t{blockIdx.x} * (tile_threads >> lane_bits) + (threadIdx.x >> lane_bits);
  if (at >= a.count) return;
  const int32_t row = a.index.data[a.order[at]];
  const int64_t begin = a.starts[row], end = a.starts[row + 1];
  if ((at - begin) % group != 0 || row == a.zero_row) return;
  const bool only = end - begin <= group;
  for (int64_t column = lane * pack; column < a.width; column += lanes * pack) {
    const int64_t last = min(column + pack, a.width);
    if (vectors && last - column == pack) {
      scatter_group<pack>(a, row, at, end, only, column, partial);
    } else {
#pragma unroll 1
      for (int64_t c = column; c < last; c++) scatter_group<1>(a, row, at, end, only, c, partial);
    }
  }
}

// What scatter_groups has left over: rows without positions, and the sums of rows with more than one group.
template <int count, class T, class G>
__device__ void finish_row(const ScatterRows<T, G>& a, int64_t row, int64_t column, const float* partial) {
  const int64_t begin = a.starts[row], end = a.starts[row + 1];
  G* dx = a.dx + row * a.width + column;
  float sum[count] = {};
  if (begin == end || row == a.zero_row) {
    if (!a.accumulate) store_sum(a, dx, sum);
    return;
  }
  if (end - begin <= group) return;
  constexpr int piece = piece_of<count>;
  double total[count] = {};
#pragma unroll 4
  for (int64_t at = begin; at < end; at += group) {
    const float* from = partial + partial_slot(at, end) * a.width + column;
#pragma unroll
    for (int i = 0; i < count; i += piece) {
      const Vector<float, piece> part = load_vector<piece>(from + i);
      for (int j = 0; j < piece; j++) total[i + j] += static_cast<double>(part[j]);
    }
  }
  for (int i = 0; i < count; i++) sum[i] = static_cast<float>(total[i]);
  store_sum(a, dx, sum);
}

template <int pack, class T, class G>
__global__ void __launch_bounds__(tile_threads)
    scatter_rows_kernel(Tiles tiles, bool vectors, ScatterRows<T, G> a, const float* partial) {
  for_each_pack<pack>(tiles, [&](int64_t row, int64_t column) {
    const int64_t end = min(column + pack, a.width);
    if (vectors && end - column == pack) {
      finish_row<pack>(a, row, column, partial);
    } else {
#pragma unroll 1
      for (; column < end; column++) finish_row<1>(a, row, column, partial);
    }
  });
}

}  // namespace

template <class T, class G>
void scatter_rows(Cuda cuda, const ScatterRows<T, G>& a) {
  check_indices(cuda, a.check, a.index, a.count, a.rows);
  if (a.rows == 0 || a.width == 0) return;
  sort_positions(cuda, a.index.data, a.count, a.rows, a.order, a.starts);
  constexpr int pack = 16 / static_cast<int>(std::max(sizeof(T), sizeof(G)));
  const bool vectors = aligned_for<pack>(a.dy, a.ld_dy) && aligned_for<pack>(a.dx, a.width);
  const int64_t groups = (a.count + group - 1) / group;
  const Scratch<float> partial(cuda, a.count > group ? 2 * groups * a.width : 0);
  const Tiles tiles = tiles_for(a.rows, a.width, pack);
  if (a.count > 0) {
    const unsigned blocks = blocks_for(static_cast<size_t>(a.count), tile_threads >> tiles.lane_bits);
    launch(scatter_groups_kernel<pack, T, G>, blocks, tile_threads, 0, cuda.stream, tiles.lane_bits, vectors,
           a, partial.data());
  }
  if (a.accumulate && a.count <= group) return;
  launch(scatter_rows_kernel<pack, T, G>, grid_for(cuda, tiles, pack), tile_threads, 0, cuda.stream, tiles,
         vectors, a, partial.data());
}

template void scatter_rows(Cuda, const ScatterRows<float, float>&);
template void scatter_rows(Cuda, const ScatterRows<bf16, float>&);
template void scatter_rows(Cuda, const ScatterRows<bf16, bf16>&);

}  // namespace athanor
