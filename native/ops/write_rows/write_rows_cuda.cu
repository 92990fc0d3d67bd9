// write_rows.h on CUDA: rows are moved in units of the largest size, 16 bytes down to 1, that addresses and
// row length allow.
#include "cuda/tiles.h"
#include "cuda/units.h"
#include "ops/write_rows/write_rows.h"

namespace athanor {

namespace {

template <int unit>
__global__ void __launch_bounds__(tile_threads) write_rows_kernel(Tiles tiles, WriteRows a) {
  for_each_pack<unit>(tiles, [&](int64_t i, int64_t byte) {
    char* to = a.target + a.rows.data[i] * a.target_stride + byte;
    *reinterpret_cast<Unit<unit>*>(to) = *reinterpret_cast<const Unit<unit>*>(a.x + i * a.x_stride + byte);
  });
}

}  // namespace

void write_rows(Cuda cuda, const WriteRows& a) {
  if (a.count == 0 || a.row_bytes == 0) return;
  const uint64_t positions = position_of(a.target) | position_of(a.x) |
                             static_cast<uint64_t>(a.target_stride) | static_cast<uint64_t>(a.x_stride) |
                             static_cast<uint64_t>(a.row_bytes);
  with_unit(positions, [&](auto unit) {
    const Tiles tiles = tiles_for(a.count, a.row_bytes, unit.value);
    launch(write_rows_kernel<unit.value>, grid_for(cuda, tiles, unit.value), tile_threads, 0, cuda.stream,
           tiles, a);
  });
}

}  // namespace athanor
