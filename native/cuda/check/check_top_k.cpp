// top_k on CUDA against the CPU's: the same elements in the same order.
#include <algorithm>

#include "cuda/check/elementwise_cases.h"
#include "ops/top_k/top_k.h"

namespace athanor {
namespace {

struct Case {
  int64_t rows, width, k;
  int64_t group = 1;
  bool scored = false, log_softmax = false, draw = false;
  int64_t apart = 0;  // elements between rows
  size_t offset = 0;
};

template <class T>
void check_top_k(KernelCheck& check, const Case& c, std::vector<float> x = {}) {
  const int64_t stride = c.width + c.apart;
  if (x.empty()) x = check.random.normals(static_cast<size_t>(c.rows * stride));
  x = rounded_to<T>(x);
  const std::vector<float> scores = check.random.floats(static_cast<size_t>(c.rows), -9, 0);
  const size_t count = static_cast<size_t>(c.rows / c.group * c.k);
  std::vector<float> values(count);
  std::vector<int32_t> indices(count);
  TopK<float> cpu{};
  cpu.x = x.data(), cpu.x_stride = stride;
  cpu.scores = c.scored ? scores.data() : nullptr;
  cpu.values = values.data(), cpu.indices = indices.data();
  cpu.rows = c.rows, cpu.width = c.width, cpu.group = c.group, cpu.k = c.k;
  cpu.log_softmax = c.log_softmax, cpu.draw = c.draw;
  cpu.seed = 5, cpu.call = 9;
  top_k(Cpu{}, cpu);

  DeviceArray<T> device_x(x, c.offset);
  DeviceArray<float> device_scores(scores), device_values(count);
  DeviceArray<int32_t> device_indices(count);
  TopK<T> cuda{};
  cuda.x = device_x.data(), cuda.x_stride = stride;
  cuda.scores = c.scored ? device_scores.data() : nullptr;
  cuda.values = device_values.data(), cuda.indices = device_indices.data();
  cuda.rows = c.rows, cuda.width = c.width, cuda.group = c.group, cuda.k = c.k;
  cuda.log_softmax = c.log_softmax, cuda.draw = c.draw;
  cuda.seed = 5, cuda.call = 9;
  top_k(check.cuda, cuda);
  check.same("indices", device_indices.download(), indices);
  check.close("values", device_values.download(), values,
              {c.log_softmax ? 4e-6 : 0.0, c.log_softmax ? 1e-6 : 0.0});
}

KERNEL_CHECK(top_k, "widths and numbers chosen") {
  for (int64_t width : {1, 2, 31, 33, 511, 512, 513, 1025}) {
    for (int64_t k : {int64_t{1}, int64_t{8}, width}) {
      if (k > width || k > top_k_most_on_cuda) continue;
      check_top_k<float>(check, {2, width, k});
    }
  }
  check_top_k<float>(check, {0, 5, 2});
  check_top_k<float>(check, {1, 3000, top_k_most_on_cuda});
}

// Rounded to bf16 many are equal.
KERNEL_CHECK(top_k, "bf16, rows apart and at any address") {
  for (size_t offset : {0, 1}) {
    for (int64_t apart : {0, 1, 8}) {
      check_top_k<bf16>(check, {4, 700, 40, 1, false, false, false, apart, offset});
      check_top_k<float>(check, {4, 700, 40, 1, false, true, false, apart, offset});
    }
  }
}

KERNEL_CHECK(top_k, "rows of equals, zeros of both signs, NaN and infinities") {
  const size_t width = 1300;
  for (int64_t k : {1, 5, 600}) {
    std::vector<float> x(4 * width, 2.0f);
    for (size_t i = 0; i < width; i++) {
      x[width + i] = i % 2 ? 0.0f : -0.0f;
      x[2 * width + i] = i % 700 == 699 ? 1.0f : -INFINITY;
      const float nan = i % 600 == 7 ? std::nanf("") : -std::nanf("");
      x[3 * width + i] = i % 300 == 7 ? nan : i % 200 == 3 ? INFINITY : static_cast<float>(i % 11);
    }
    check_top_k<float>(check, {4, static_cast<int64_t>(width), k}, x);
  }
  std::vector<float> nothing(2 * width, -INFINITY);
  check_top_k<float>(check, {2, static_cast<int64_t>(width), 3, 1, false, true}, nothing);
}

// Every digit of the radix selection decides once: numbers that differ in their last bits alone.
KERNEL_CHECK(top_k, "keys that differ in one digit") {
  const size_t width = 900;
  for (float step : {1e-7f, 1e-4f, 0.3f, 1e6f}) {
    std::vector<float> x(2 * width);
    for (size_t i = 0; i < width; i++) {
      x[i] = 1.0f + step * static_cast<float>(i * 37 % width);
      x[width + i] = -x[i];
    }
    check_top_k<float>(check, {2, static_cast<int64_t>(width), 20}, x);
  }
}

KERNEL_CHECK(top_k, "groups with scores and log-softmax") {
  for (int64_t group : {1, 2, 5}) {
    for (bool log_softmax : {false, true}) {
      check_top_k<float>(check, {2 * group, 333, 2 * group, group, true, log_softmax});
      check_top_k<float>(check, {2 * group, 3, std::min<int64_t>(2 * group, 6), group, true, log_softmax});
    }
  }
  check_top_k<float>(check, {8, 40, 160, 4, true, false});
  check_top_k<bf16>(check, {8, 600, 16, 4, true, true});
}

KERNEL_CHECK(top_k, "drawing") {
  check_top_k<float>(check, {5, 700, 3, 1, false, false, true});
  check_top_k<float>(check, {6, 700, 9, 3, true, true, true});
}

// Of 18,000 candidates, more than the blocks of a group take at once.
KERNEL_CHECK(top_k, "a group of many candidates") {
  check_top_k<float>(check, {40, 450, 450, 40});
}

}  // namespace
}  // namespace athanor
