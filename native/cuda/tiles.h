// How a block of threads covers a matrix of (rows, width) elements, `pack` neighbours of a row to a thread at
// a time: lanes, a power of two, stand side by side along a row, the rest of the block on the rows below.
// Narrow matrices thus keep whole blocks busy, a single long row is shared by all blocks, and no thread
// divides. Columns lie along x of the grid.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/launch.h"
#include "ops/dispatch.h"

namespace athanor {

constexpr int tile_threads = 256;
constexpr int64_t tile_blocks_per_multiprocessor = 16;  // twice what fits with 32 registers; more only queue

struct Tiles {
  int64_t rows, width;
  int lane_bits;  // log2 of the lanes
};

// The fewest lanes, as a power of two up to `most`, that cover `packs`.
inline int lane_bits_for(int64_t packs, int most) {
  int bits = 0;
  while ((1 << bits) < most && (int64_t{1} << bits) < packs) bits++;
  return bits;
}

inline Tiles tiles_for(int64_t rows, int64_t width, int pack) {
  return {rows, width, lane_bits_for((width + pack - 1) / pack, tile_threads)};
}

// The loops in for_each_pack cover what the grid does not.
inline dim3 grid_for(const Cuda& cuda, const Tiles& tiles, int pack) {
  const int64_t most = tile_blocks_per_multiprocessor * cuda.properties->multiprocessors;
  const int64_t columns = int64_t{pack} << tiles.lane_bits, rows = tile_threads >> tiles.lane_bits;
  const int64_t x = std::min((tiles.width + columns - 1) / columns, most);
  const int64_t y =
      std::min({(tiles.rows + rows - 1) / rows, std::max<int64_t>(1, most / x), int64_t{65535}});
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y));
}

// Calls body(row, column) for each pack that is this thread's: its first element; fewer than `pack` may
// follow in the row.
template <int pack, class Body>
__device__ inline void for_each_pack(const Tiles& tiles, const Body& body) {
  const int lane = threadIdx.x & ((1 << tiles.lane_bits) - 1);
  const int64_t columns = int64_t{pack} << tiles.lane_bits, rows = tile_threads >> tiles.lane_bits;
  for (int64_t row = blockIdx.y * rows + (threadIdx.x >> tiles.lane_bits); row < tiles.rows;
       row += gridDim.y * rows) {
    for (int64_t column = blockIdx.x * columns + lane * pack; column < tiles.width;
         column += gridDim.x * columns) {
      body(row, column);
    }
  }
}

}  // namespace athanor
