// Backward of layer_norm.h. Teams walk over rows, each giving dx of its row; dweight and dbias are summed in
// the registers of the threads that hold their columns, written as one partial sum per block, and added up in
// order by a second kernel. Rows wider than 8192 columns are read twice, and once more for dweight and dbias.
// The number of blocks, and with it the last bits of dweight and dbias, depends on the GPU's size.
#include <algorithm>

#include "cuda/dropout_bits.h"
#include "cuda/row_team.h"
#include "cuda/scratch.h"
#include "ops/layer_norm/layer_norm.h"

namespace athanor {

namespace {

// dx and dresidual of one piece, from the gradient ds of s.
template <class T>
__device__ void store_gradients(const LayerNormBackward<T>& a, float (&ds)[piece<T>], int64_t row, int column,
                                int width, bool pieces) {
  if (a.dsum) {
    float dsum[piece<T>];
    load_piece(dsum, a.dsum + row * a.dsum_stride, column, width, pieces);
#pragma unroll
    for (int j = 0; j < piece<T>; j++) ds[j] += dsum[j];
  }
  if (a.dx) store_piece(a.dx + row * width, ds, column, width, pieces);
  if (!a.dresidual || a.dresidual == a.dx) return;
  if (a.p > 0.0f) {
    const uint64_t first = static_cast<uint64_t>(row * width + column);
    const uint32_t kept = kept_bits<piece<T>>(a.seed, a.call, first, dropout_threshold(a.p));
    const float scale = 1.0f / (1.0f - a.p);
#pragma unroll
    for (int j = 0; j < piece<T>; j++) ds[j] = kept >> j & 1 ? ds[j] * scale : 0.0f;
  }
  store_piece(a.dresidual + row * width, ds, column, width, pieces);
}

// A lane holds two rows and two sums: above this many columns that is too much for the lanes of one warp.
constexpr int64_t backward_warp_most = 512;

// Partial sums of weight and bias: (2, blocks, C); data is null where nobody needs them.
struct Partials {
  float* data;
  int64_t blocks;
  __device__ float* of(int which, int64_t block, int width) const {
    return data + static_cast<size_t>(which * blocks + block) * static_cast<size_t>(width);
  }
};

// The warps of a block add up what their lanes hold, in order.
template <class T, class Holding>
__device__ void write_warps(const Partials& partials, const float (&dweight)[Holding::pieces][piece<T>],
                            const float (&dbias)[Holding::pieces][piece<T>], int width) {
  const typename Holding::Team team;
  SHARED(float, sums, [2][backward_warp_most]);
  for (int warp = 0; warp < Holding::Team::rows_per_block; warp++) {
    if (static_cast<int>(threadIdx.x) / warp_size == warp) {
      for_pieces<T, Holding::pieces>(team, width, [&](int i, int column) {
#pragma unroll
        for (int j = 0; j < piece<T>; j++) {
          sums[0][column + j] = (warp == 0 ? 0.0f : sums[0][column + j]) + dweight[i][j];
          sums[1][column + j] = (warp == 0 ? 0.0f : sums[1][column + j]) + dbias[i][j];
        }
      });
    }
    __syncthreads();
  }
  for (int column = static_cast<int>(threadIdx.x); column < width; column += static_cast<int>(blockDim.x)) {
    partials.of(0, blockIdx.x, width)[column] = sums[0][column];
    partials.of(1, blockIdx.x, width)[column] = sums[1][column];
  }
}

// A thread of a block has its columns to itself.
template <class T, class Holding>
__device__ void write_threads(const Partials& partials, const float (&dweight)[Holding::pieces][piece<T>],
                              const float (&dbias)[Holding::pieces][piece<T>], int width) {
  const typename Holding::Team team;
  float *weight = partials.of(0, blockIdx.x, width), *bias = partials.of(1, blockIdx.x, width);
  for_pieces<T, Holding::pieces>(team, width, [&](int i, int column) {
#pragma unroll
    for (int j = 0; j < piece<T>; j++) {
      if (column + j < width) weight[column + j] = dweight[i][j], bias[column + j] = dbias[i][j];
    }
  });
}

template <class T, class Holding>
__global__ void __launch_bounds__(Holding::Team::most_threads, Holding::Team::least_blocks)
    layer_norm_backward_kernel(LayerNormBackward<T> a, Partials partials, bool pieces) {
  constexpr int held = Holding::pieces, places = held > 0 ? held : 1, V = piece<T>;
  typename Holding::Team team;
  const int width = static_cast<int>(a.width);
  Vector<T, V> dy[places], s[places];
  float dweight[places][V] = {}, dbias[places][V] = {};
  for (int64_t row = team.index(); row < a.rows; row += team.count()) {
    const float mean = a.statistics[row], rstd = a.statistics[a.rows + row];
    auto read = [&](int i, int column) {
      dy[i] = read_piece(a.dy + row * a.dy_stride, column, width, pieces);
      s[i] = read_piece(a.s + row * a.s_stride, column, width, pieces);
    };
    // The sums of d = dy weight and of d v, v = (s - mean) rstd.
    float first = 0.0f, second = 0.0f;
    if (a.dy) {
      for_pieces<T, held>(team, width, [&](int i, int column) {
        read(i, column);
        float weight[V];
        load_piece(weight, a.weight, column, width, pieces);
#pragma unroll
        for (int j = 0; j < V; j++) {
          const float g = to_float(dy[i][j]), v = (to_float(s[i][j]) - mean) * rstd;
          first += g * weight[j], second += g * weight[j] * v;
          if (held > 0) dweight[i][j] += g * v, dbias[i][j] += g;
        }
      });
    }
    if (!a.dx && !a.dresidual) continue;
    team.sum_two(first, second);
    const float n = static_cast<float>(width);
    first = a.kind == NormKind::layer ? first / n : 0.0f, second /= n;
    for_pieces<T, held>(team, width, [&](int i, int column) {
      float ds[V] = {};
      if (a.dy) {
        if (held == 0) read(i, column);
        float weight[V];
        load_piece(weight, a.weight, column, width, pieces);
#pragma unroll
        for (int j = 0; j < V; j++) {
          const float v = (to_float(s[i][j]) - mean) * rstd;
          ds[j] = (to_float(dy[i][j]) * weight[j] - first - v * second) * rstd;
        }
      }
      store_gradients(a, ds, row, column, width, pieces);
    });
  }
  if constexpr (held > 0) {
    if (!partials.data) return;
    if constexpr (Holding::Team::rows_per_block > 1) {
      write_warps<T, Holding>(partials, dweight, dbias, width);
    } else {
      write_threads<T, Holding>(partials, dweight, dbias, width);
    }
  }
}

constexpr int strip_rows = 8;  // rows that a block of the next kernel reads at once

// The partial sums of rows too wide for registers, for 32 columns.
template <class T>
__global__ void __launch_bounds__(warp_size* strip_rows)
    layer_norm_backward_strip_kernel(LayerNormBackward<T> a, Partials partials) {
  const int width = static_cast<int>(a.width);
  const int lane = static_cast<int>(threadIdx.x), strip = static_cast<int>(threadIdx.y);
  const int column = static_cast<int>(blockIdx.x) * warp_size + lane;
  float dweight = 0.0f, dbias = 0.0f;
  if (column < width) {
    for (int64_t row = blockIdx.y * strip_rows + strip; row < a.rows; row += partials.blocks * strip_rows) {
      const float g = to_float(a.dy[row * a.dy_stride + column]);
      dweight +=
          g * (to_float(a.s[row * a.s_stride + column]) - a.statistics[row]) * a.statistics[a.rows + row];
      dbias += g;
    }
  }
  SHARED(float, sums, [2][strip_rows][warp_size]);
  sums[0][strip][lane] = dweight, sums[1][strip][lane] = dbias;
  __syncthreads();
  if (strip > 1 || column >= width) return;
  float total = 0.0f;
  for (int i = 0; i < strip_rows; i++) total += sums[strip][i][lane];
  partials.of(strip, blockIdx.y, width)[column] = total;
}

// Adds up the partial sums of 32 columns: of the weight where blockIdx.y is 0, of the bias where it is 1.
__global__ void __launch_bounds__(warp_size* warp_size)
    layer_norm_backward_sum_kernel(ParameterGradient dweight, ParameterGradient dbias, Partials partials,
                                   int width) {
  const int which = static_cast<int>(blockIdx.y);
  const ParameterGradient target = which == 0 ? dweight : dbias;
  if (!target.data) return;
  const int lane = static_cast<int>(threadIdx.x), group = static_cast<int>(threadIdx.y);
  const int column = static_cast<int>(blockIdx.x) * warp_size + lane;
  float total = 0.0f;
  if (column < width) {
    for (int64_t block = group; block < partials.blocks; block += warp_size) {
      total += partials.of(which, block, width)[column];
    }
  }
  SHARED(float, sums, [warp_size][warp_size]);
  sums[group][lane] = total;
  __syncthreads();
  if (group > 0 || column >= width) return;
  total = 0.0f;
  for (int i = 0; i < warp_size; i++) total += sums[i][lane];
  if (target.dtype == DType::bf16) {
    static_cast<bf16*>(target.data)[column] = from_float<bf16>(total);
  } else {
    static_cast<float*>(target.data)[column] = total;
  }
}

template <class T>
bool backward_in_pieces(const LayerNormBackward<T>& a) {
  return rows_in_pieces(a.dy, a.dy_stride, a.width) && rows_in_pieces(a.dsum, a.dsum_stride, a.width) &&
         rows_in_pieces(a.s, a.s_stride, a.width) && rows_in_pieces(a.weight, 0, a.width) &&
         rows_in_pieces(a.dx, a.width, a.width) && rows_in_pieces(a.dresidual, a.width, a.width);
}

// Blocks that all have room on the GPU at once, as each of them walks over many rows.
template <class T, class Holding>
int64_t backward_grid(const Cuda& cuda, const LayerNormBackward<T>& a) {
  const int threads = static_cast<int>(Holding::threads(a.width));
  const int64_t each = std::max(1, WarpTeam::most_threads * WarpTeam::least_blocks / threads);
  return std::min<int64_t>(row_blocks<typename Holding::Team>(a.rows),
                           each * cuda.properties->multiprocessors);
}

constexpr int64_t most_strips = 64;  // partial sums of a column in rows too wide for registers

template <class T, class Holding>
void run_backward(const Cuda& cuda, const LayerNormBackward<T>& a) {
  const bool parameters = a.dweight.data || a.dbias.data, rows = a.dx || a.dresidual;
  const int64_t grid = backward_grid<T, Holding>(cuda, a);
  const int64_t strips = std::min((a.rows + strip_rows - 1) / strip_rows, most_strips);
  const int64_t blocks = Holding::pieces > 0 ? grid : strips;
  const Scratch<float> scratch(cuda, parameters ? 2 * blocks * a.width : 0);
  const Partials partials{parameters ? scratch.data() : nullptr, blocks};
  if (grid > 0 && (rows || Holding::pieces > 0)) {
    launch(layer_norm_backward_kernel<T, Holding>, static_cast<unsigned>(grid), Holding::threads(a.width), 0,
           cuda.stream, a, partials, backward_in_pieces(a));
  }
  if (!parameters) return;
  const unsigned columns = blocks_for(static_cast<size_t>(a.width), warp_size);
  if (Holding::pieces == 0 && strips > 0) {
    launch(layer_norm_backward_strip_kernel<T>, dim3(columns, static_cast<unsigned>(strips)),
           dim3(warp_size, strip_rows), 0, cuda.stream, a, partials);
  }
  launch(layer_norm_backward_sum_kernel, dim3(columns, 2), dim3(warp_size, warp_size), 0, cuda.stream,
         a.dweight, a.dbias, partials, static_cast<int>(a.width));
}

}  // namespace

template <class T>
void layer_norm_backward(Cuda cuda, const LayerNormBackward<T>& a) {
  if (a.width == 0) return;
  with_row_holding<T, backward_warp_most>("layer_norm", a.width,
                                          [&](auto holding) { run_backward<T, decltype(holding)>(cuda, a); });
}

template void layer_norm_backward(Cuda, const LayerNormBackward<float>& a);
template void layer_norm_backward(Cuda, const LayerNormBackward<bf16>& a);

}  // namespace athanor
