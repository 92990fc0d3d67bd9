// gather_rows.h on CUDA: rows are moved in units of the largest size, 16 bytes down to 1, that addresses and
// row length allow.
#include "cuda/tiles.h"
#include "cuda/units.h"
#include "ops/gather_rows/gather_rows.h"

namespace athanor {

namespace {

template <int unit>
__global__ void __launch_bounds__(tile_threads) gather_rows_forward_kernel(Tiles tiles, GatherRows a) {
  for_each_pack<unit>(tiles, [&](int64_t i, int64_t byte) {
    const char* from = a.x + a.index.data[i] * a.x_stride + byte;
    *reinterpret_cast<Unit<unit>*>(a.y + i * a.row_bytes + byte) = *reinterpret_cast<const Unit<unit>*>(from);
  });
}

}  // namespace

void gather_rows_forward(Cuda cuda, const GatherRows& a) {
  check_indices(cuda, a.check, a.index, a.count, a.rows);
  if (a.count == 0 || a.row_bytes == 0) return;
  const uint64_t positions = position_of(a.x) | position_of(a.y) | static_cast<uint64_t>(a.x_stride) |
                             static_cast<uint64_t>(a.row_bytes);
  with_unit(positions, [&](auto unit) {
    const Tiles tiles = tiles_for(a.count, a.row_bytes, unit.value);
    launch(gather_rows_forward_kernel<unit.value>, grid_for(cuda, tiles, unit.value), tile_threads, 0,
           cuda.stream, tiles, a);
  });
}

}  // namespace athanor
