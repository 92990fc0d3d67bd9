#include "cuda/tiles.h"
#include "cuda/vector.h"
#include "ops/random/random.h"

namespace athanor {

namespace {

// One block of four elements to a thread. The stack is that of sin and cos for large angles, which do not
// occur; without the least number of blocks the compiler spills 20 bytes to save registers that nothing
// needs.
__global__ void __launch_bounds__(tile_threads, 1)
    random_forward_kernel(Tiles tiles, bool vectors, Random r) {
  for_each_pack<4>(tiles, [&](int64_t, int64_t first) {
    const RandomBlock block = random_block(r, static_cast<uint64_t>(first) / 4);
    Vector<float, 4> values;
    for (int i = 0; i < 4; i++) values[i] = block.value[i];
    if (vectors && r.n - first >= 4) return store_vector(r.y + first, values);
    for (int i = 0; i < 4; i++) {
      if (first + i < r.n) r.y[first + i] = values[i];
    }
  });
}

}  // namespace

void random_forward(Cuda cuda, const Random& r) {
  if (r.n == 0) return;
  const Tiles tiles = tiles_for(1, r.n, 4);
  launch(random_forward_kernel, grid_for(cuda, tiles, 4), tile_threads, 0, cuda.stream, tiles,
         aligned_for<4>(r.y, 0), r);
}

}  // namespace athanor
