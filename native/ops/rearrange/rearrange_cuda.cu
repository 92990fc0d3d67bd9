// Transposition of single elements goes through a tile in shared memory, so that both sides are read and
// written along rows of memory; longer runs move whole, in units of up to 16 bytes.
#include "cuda/copy_bytes.h"
#include "cuda/launch.h"
#include "cuda/units.h"
#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

constexpr int tile = 32;
constexpr int transpose_threads = 256;
constexpr int tile_rows = transpose_threads / tile;  // rows of a tile that the block moves at a time

// x (outer, first, middle, second) to y (outer, second, middle, first): for each (outer, middle) a matrix. A
// block has one tile; the padding lets a warp read a column of it from 32 banks, for 1, 2 and 4 bytes alike.
template <class T>
__global__ void __launch_bounds__(transpose_threads)
    transpose_elements_kernel(Transpose a, int64_t first_tiles, int64_t second_tiles) {
  SHARED(T, part, [tile][tile + 1]);
  const int across = threadIdx.x % tile, down = threadIdx.x / tile;
  const int64_t second0 = blockIdx.x % second_tiles * tile;
  const int64_t first0 = blockIdx.x / second_tiles % first_tiles * tile;
  const int64_t matrix = blockIdx.x / second_tiles / first_tiles;
  const int64_t outer = matrix / a.middle, middle = matrix % a.middle;
  const T* x = reinterpret_cast<const T*>(a.x) + outer * a.first * a.first_stride + middle * a.second;
  for (int i = down; i < tile; i += tile_rows) {
    const int64_t first = first0 + i, second = second0 + across;
    if (first < a.first && second < a.second) part[i][across] = x[first * a.first_stride + second];
  }
  __syncthreads();
  const int64_t y_stride = a.middle * a.first;
  T* y = reinterpret_cast<T*>(a.y) + outer * a.second * y_stride + middle * a.first;
  for (int i = down; i < tile; i += tile_rows) {
    const int64_t first = first0 + across, second = second0 + i;
    if (first < a.first && second < a.second) y[second * y_stride + first] = part[across][i];
  }
}

template <class T>
void transpose_elements(const Cuda& cuda, const Transpose& a) {
  const int64_t first_tiles = (a.first + tile - 1) / tile, second_tiles = (a.second + tile - 1) / tile;
  const int64_t tiles = a.outer * a.middle * first_tiles * second_tiles;
  launch(transpose_elements_kernel<T>, static_cast<unsigned>(tiles), transpose_threads, 0, cuda.stream, a,
         first_tiles, second_tiles);
}

// x (outer, first, middle, second, inner) to y (outer, second, middle, first, inner), `inner` counted in
// units.
template <int bytes>
__global__ void __launch_bounds__(transpose_threads)
    transpose_runs_kernel(Transpose a, int64_t inner, int64_t count) {
  const Unit<bytes>* x = reinterpret_cast<const Unit<bytes>*>(a.x);
  Unit<bytes>* y = reinterpret_cast<Unit<bytes>*>(a.y);
  const int64_t step = int64_t{gridDim.x} * transpose_threads;
  for (int64_t i = int64_t{blockIdx.x} * transpose_threads + threadIdx.x; i < count; i += step) {
    const int64_t run = i / inner, at = i % inner;
    const int64_t first = run % a.first, row = run / a.first;
    const int64_t middle = row % a.middle, column = row / a.middle;
    const int64_t second = column % a.second, outer = column / a.second;
    y[i] = x[(((outer * a.first + first) * a.middle + middle) * a.second + second) * inner + at];
  }
}

template <int bytes>
void transpose_runs_in_units(const Cuda& cuda, const Transpose& a) {
  const int64_t inner = a.inner * a.size / bytes;
  const int64_t count = a.outer * a.first * a.middle * a.second * inner;
  const int64_t most = 16 * cuda.properties->multiprocessors;  // twice what fits; the loop does the rest
  const int64_t blocks = (count + transpose_threads - 1) / transpose_threads;
  launch(transpose_runs_kernel<bytes>, static_cast<unsigned>(blocks < most ? blocks : most),
         transpose_threads, 0, cuda.stream, a, inner, count);
}

void transpose_runs(const Cuda& cuda, const Transpose& a) {
  const uint64_t positions = position_of(a.x) | position_of(a.y) | static_cast<uint64_t>(a.inner * a.size);
  with_unit(positions, [&](auto unit) { transpose_runs_in_units<unit.value>(cuda, a); });
}

}  // namespace

void copy_blocks(Cuda cuda, const CopyBlocks& a) {
  copy_bytes(cuda, a.to, a.to_stride, a.from, a.from_stride, a.blocks, a.block_bytes);
}

void transpose_forward(Cuda cuda, const Transpose& a) {
  if (a.outer * a.first * a.middle * a.second * a.inner == 0) return;
  if (a.inner > 1) return transpose_runs(cuda, a);
  switch (a.size) {
    case 1: return transpose_elements<uint8_t>(cuda, a);
    case 2: return transpose_elements<uint16_t>(cuda, a);
    default: return transpose_elements<uint32_t>(cuda, a);
  }
}

}  // namespace athanor
