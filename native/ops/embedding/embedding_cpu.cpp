// The CPU side of embedding: ids are checked, then rows are copied and added.
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/embedding/embedding.h"

namespace athanor {

void embedding_forward(Cpu cpu, const EmbeddingForward<float>& a) {
  for (int t = 0; t < a.count; t++)
    check_indices(cpu, a.tables[t].check, a.tables[t].ids, a.n, a.tables[t].rows);
  if (a.width == 0) return;
  const Kernels& k = kernels();
  const size_t width = static_cast<size_t>(a.width);
  parallel_ranges(static_cast<size_t>(a.n), 8192 / width + 1, [&](size_t begin, size_t end, Worker&) {
    for (size_t i = begin; i < end; i++) {
      const float* row[most_tables];
      for (int t = 0; t < a.count; t++) row[t] = a.tables[t].weight + a.tables[t].ids.data[i] * a.width;
      float* y = a.y + i * width;
      if (a.count == 1) {
        std::memcpy(y, row[0], width * sizeof(float));
        continue;
      }
      k.arithmetic(Arithmetic::add, y, row[0], row[1], width);
      if (a.count == 3) k.arithmetic(Arithmetic::add, y, y, row[2], width);
    }
  });
}

}  // namespace athanor
