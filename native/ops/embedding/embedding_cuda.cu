// embedding.h on CUDA: rows of up to three tables are read where their ids say, added in fp32 and written.
#include "cuda/bf16.h"
#include "cuda/tiles.h"
#include "cuda/vector.h"
#include "ops/embedding/embedding.h"

namespace athanor {

namespace {

template <int pack, class T>
__device__ void add_rows_at(const EmbeddingForward<T>& a, int64_t i, int64_t column) {
  Vector<T, pack> rows[most_tables];
#pragma unroll
  for (int t = 0; t < most_tables; t++) {
    if (t >= a.count) break;
    const EmbeddingTable<T>& table = a.tables[t];
    rows[t] = load_vector<pack>(table.weight + table.ids.data[i] * a.width + column);
  }
  Vector<T, pack> y;
#pragma unroll
  for (int e = 0; e < pack; e++) {
    float sum = to_float(rows[0][e]);
    if (a.count > 1) sum += to_float(rows[1][e]);
    if (a.count > 2) sum += to_float(rows[2][e]);
    y[e] = from_float<T>(sum);
  }
  store_vector(a.y + i * a.width + column, y);
}

template <int pack, class T>
__global__ void __launch_bounds__(tile_threads)
    embedding_forward_kernel(Tiles tiles, bool vectors, EmbeddingForward<T> a) {
  for_each_pack<pack>(tiles, [&](int64_t i, int64_t column) {
    const int64_t end = column + pack < a.width ? column + pack : a.width;
    if (vectors && end - column == pack) {
      add_rows_at<pack>(a, i, column);
    } else {
#pragma unroll 1
      for (; column < end; column++) add_rows_at<1>(a, i, column);
    }
  });
}

}  // namespace

template <class T>
void embedding_forward(Cuda cuda, const EmbeddingForward<T>& a) {
  for (int t = 0; t < a.count; t++)
    check_indices(cuda, a.tables[t].check, a.tables[t].ids, a.n, a.tables[t].rows);
  if (a.n == 0 || a.width == 0) return;
  constexpr int pack = 16 / static_cast<int>(sizeof(T));
  bool vectors = aligned_for<pack>(a.y, a.width);
  for (int t = 0; t < a.count; t++) vectors = vectors && aligned_for<pack>(a.tables[t].weight, a.width);
  const Tiles tiles = tiles_for(a.n, a.width, pack);
  launch(embedding_forward_kernel<pack, T>, grid_for(cuda, tiles, pack), tile_threads, 0, cuda.stream, tiles,
         vectors, a);
}

template void embedding_forward(Cuda, const EmbeddingForward<float>&);
template void embedding_forward(Cuda, const EmbeddingForward<bf16>&);

}  // namespace athanor
