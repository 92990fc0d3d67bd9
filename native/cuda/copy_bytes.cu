// Copies in units of the largest size, 16 bytes down to 1, that all addresses are multiples of; a block whose
// size is none ends in single bytes.
#include "cuda/copy_bytes.h"
#include "cuda/tiles.h"
#include "cuda/units.h"

namespace athanor {

namespace {

struct Bytes {
  char* to;
  int64_t to_stride;
  const char* from;  // null: zeros
  int64_t from_stride;
};

template <int unit>
__device__ void copy_unit(const Bytes& b, int64_t block, int64_t byte) {
  Unit<unit> value{};
  if (b.from) value = *reinterpret_cast<const Unit<unit>*>(b.from + block * b.from_stride + byte);
  *reinterpret_cast<Unit<unit>*>(b.to + block * b.to_stride + byte) = value;
}

template <int unit>
__global__ void __launch_bounds__(tile_threads) copy_bytes_kernel(Tiles tiles, Bytes b) {
  for_each_pack<unit>(tiles, [&](int64_t block, int64_t byte) {
    if (tiles.width - byte >= unit) {
      copy_unit<unit>(b, block, byte);
    } else {
#pragma unroll 1
      for (; byte < tiles.width; byte++) copy_unit<1>(b, block, byte);
    }
  });
}

template <int unit>
void copy_in_units(const Cuda& cuda, const Bytes& b, int64_t blocks, int64_t block_bytes) {
  const Tiles tiles = tiles_for(blocks, block_bytes, unit);
  launch(copy_bytes_kernel<unit>, grid_for(cuda, tiles, unit), tile_threads, 0, cuda.stream, tiles, b);
}

}  // namespace

void copy_bytes(const Cuda& cuda, char* to, int64_t to_stride, const char* from, int64_t from_stride,
                int64_t blocks, int64_t block_bytes) {
  if (blocks == 0 || block_bytes == 0) return;
  if (to_stride == block_bytes && (!from || from_stride == block_bytes)) {
    block_bytes *= blocks;
    blocks = 1;
  }
  const Bytes b{to, blocks > 1 ? to_stride : 0, from, from && blocks > 1 ? from_stride : 0};
  const uint64_t positions = position_of(to) | position_of(from) | static_cast<uint64_t>(b.to_stride) |
                             static_cast<uint64_t>(b.from_stride);
  with_unit(positions, [&](auto unit) { copy_in_units<unit.value>(cuda, b, blocks, block_bytes); });
}

}  // namespace athanor
