// embedding on CUDA against the CPU's. The gradient is that of gather_rows.
#include <memory>

#include "cuda/check/kernel_check.h"
#include "ops/embedding/embedding.h"

namespace athanor {
namespace {

const IndexCheck id_checks[most_tables] = {{"embedding", "id", " of tables[0]"},
                                           {"embedding", "id", " of tables[1]"},
                                           {"embedding", "id", " of tables[2]"}};

template <class T>
void check_embedding(KernelCheck& check, int tables, int64_t n, int64_t width, size_t shift,
                     size_t table_shift) {
  const int64_t rows[most_tables] = {7, 1, 3};
  std::vector<float> weights[most_tables], y(static_cast<size_t>(n * width));
  std::vector<int32_t> ids[most_tables];
  EmbeddingForward<float> cpu{{}, tables, y.data(), n, width};
  std::vector<std::unique_ptr<DeviceArray<T>>> device_weights;
  std::vector<std::unique_ptr<DeviceArray<int32_t>>> device_ids;
  DeviceArray<T> device_y(y.size(), shift);
  EmbeddingForward<T> cuda{{}, tables, device_y.data(), n, width};
  for (int t = 0; t < tables; t++) {
    weights[t] = rounded_to<T>(check.random.normals(static_cast<size_t>(rows[t] * width)));
    ids[t] = check.random.integers(static_cast<size_t>(n), 0, static_cast<int32_t>(rows[t]) - 1);
    device_weights.push_back(std::make_unique<DeviceArray<T>>(weights[t], table_shift));
    device_ids.push_back(std::make_unique<DeviceArray<int32_t>>(ids[t]));
    cpu.tables[t] = {weights[t].data(), {ids[t].data(), nullptr}, rows[t], id_checks[t]};
    cuda.tables[t] = {
        device_weights.back()->data(), {device_ids.back()->data(), ids[t].data()}, rows[t], id_checks[t]};
  }
  embedding_forward(Cpu{}, cpu);
  embedding_forward(check.cuda, cuda);
  check.same("y of width " + std::to_string(width), device_y.floats(), rounded_to<T>(y));
}

KERNEL_CHECK(embedding, "one to three tables, widths and addresses") {
  for (int tables = 1; tables <= most_tables; tables++) {
    for (int64_t width : {0, 1, 3, 4, 7, 8, 9, 64, 1023, 1024, 1025}) {
      check_embedding<float>(check, tables, 5, width, 0, 0);
      check_embedding<bf16>(check, tables, 5, width, 0, 0);
    }
    for (size_t shift : {0, 1}) {
      check_embedding<float>(check, tables, 5, 16, shift, 1 - shift);
      check_embedding<bf16>(check, tables, 5, 16, shift, 1 - shift);
    }
  }
}

KERNEL_CHECK(embedding, "numbers of ids") {
  for (int64_t n : {0, 1, 63, 64, 65, 1000}) {
    check_embedding<float>(check, 2, n, 16, 0, 0);
    check_embedding<bf16>(check, 2, n, 16, 0, 0);
  }
}

KERNEL_CHECK(embedding, "a bad id names its table") {
  DeviceArray<float> weight(8), y(4);
  DeviceArray<int32_t> good(std::vector<int32_t>{0, 1}), bad(std::vector<int32_t>{1, 4});
  EmbeddingForward<float> a{{}, 2, y.data(), 2, 2};
  a.tables[0] = {weight.data(), {good.data(), nullptr}, 4, id_checks[0]};
  a.tables[1] = {weight.data(), {bad.data(), nullptr}, 4, id_checks[1]};
  check.fails("embedding: id 4 of tables[1] outside 0..3", [&] { embedding_forward(check.cuda, a); });
}

}  // namespace
}  // namespace athanor
