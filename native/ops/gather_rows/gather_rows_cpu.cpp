// The CPU side of row look-ups. The gradient sorts the positions by row (a counting sort, linear in rows and
// positions), then every row of dx is written once by one job.
#include <algorithm>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/gather_rows/gather_rows.h"

namespace athanor {

namespace {

constexpr int64_t group = 64;  // positions summed in fp32; what exceeds that joins a double
constexpr int64_t few_rows =
    64;  // tables as small as that are cut by columns too: their rows have long lists
constexpr int64_t column_block = 128;

// The sum of the positions of one row, of which there is at least one; columns [begin, begin + width).
// Without doubles, many equal gradients would drift.
void sum_positions(const Kernels& k, const ScatterRows<float, float>& a, int64_t row, int64_t begin,
                   size_t width, float* sum, Worker& worker) {
  const int64_t first = a.starts[row], last = a.starts[row + 1];
  auto sum_group = [&](int64_t from) {  // to `sum`
    const int64_t to = std::min(from + group, last);
    std::memcpy(sum, a.dy + a.order[from] * a.ld_dy + begin, width * sizeof(float));
    for (int64_t i = from + 1; i < to; i++) k.axpy(sum, 1.0f, a.dy + a.order[i] * a.ld_dy + begin, width);
  };
  sum_group(first);
  if (last - first <= group) return;
  double* total = static_cast<double*>(worker.scratch(width * sizeof(double)));
  std::copy(sum, sum + width, total);
  for (int64_t from = first + group; from < last; from += group) {
    sum_group(from);
    for (size_t i = 0; i < width; i++) total[i] += sum[i];
  }
  std::copy(total, total + width, sum);
}

// One row of dx, columns [begin, begin + width).
void scatter_row(const Kernels& k, const ScatterRows<float, float>& a, int64_t row, int64_t begin,
                 int64_t width, Worker& worker) {
  float* dx = a.dx + row * a.width + begin;
  const size_t n = static_cast<size_t>(width);
  if (a.starts[row] == a.starts[row + 1] || row == a.zero_row) {
    if (!a.accumulate) k.fill(dx, 0.0f, n);
    return;
  }
  if (!a.accumulate) return sum_positions(k, a, row, begin, n, dx, worker);
  float* sum = worker.floats(n, 1);
  sum_positions(k, a, row, begin, n, sum, worker);
  k.arithmetic(Arithmetic::add, dx, dx, sum, n);
}

void sort_positions(const ScatterRows<float, float>& a) {
  std::memset(a.starts, 0, static_cast<size_t>(a.rows + 1) * sizeof(int32_t));
  for (int64_t i = 0; i < a.count; i++) a.starts[a.index.data[i]]++;
  int32_t total = 0;
  for (int64_t row = 0; row <= a.rows; row++) {
    int32_t count = a.starts[row];
    a.starts[row] = total;
    total += count;
  }
  for (int64_t i = 0; i < a.count; i++) a.order[a.starts[a.index.data[i]]++] = static_cast<int32_t>(i);
  // Each start has moved to its row's end, which is the next row's start.
  std::memmove(a.starts + 1, a.starts, static_cast<size_t>(a.rows) * sizeof(int32_t));
  a.starts[0] = 0;
}

}  // namespace

void fail_index(const IndexCheck& check, int32_t index, int64_t rows) {
  std::string range = rows == 0 ? "every range: there are 0 rows" : "0.." + std::to_string(rows - 1);
  throw Error(ErrorCode::data, std::string(check.op) + ": " + check.name + " " + std::to_string(index) +
                                   check.where + " outside " + range);
}

void check_indices(Cpu, const IndexCheck& check, Indices index, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; i++) {
    if (index.data[i] < 0 || index.data[i] >= rows) fail_index(check, index.data[i], rows);
  }
}

void gather_rows_forward(Cpu cpu, const GatherRows& a) {
  check_indices(cpu, a.check, a.index, a.count, a.rows);
  if (a.row_bytes == 0) return;
  const size_t bytes = static_cast<size_t>(a.row_bytes);
  parallel_ranges(static_cast<size_t>(a.count), 32768 / bytes + 1, [&](size_t begin, size_t end, Worker&) {
    for (size_t i = begin; i < end; i++)
      std::memcpy(a.y + i * bytes, a.x + a.index.data[i] * a.x_stride, bytes);
  });
}

void scatter_rows(Cpu cpu, const ScatterRows<float, float>& a) {
  // The forward may have failed on these very indices while the gradient did not depend on its result.
  check_indices(cpu, a.check, a.index, a.count, a.rows);
  if (a.rows == 0 || a.width == 0) return;
  sort_positions(a);
  const Kernels& k = kernels();
  const bool few = a.rows < few_rows;
  const int64_t width_each = few && a.width > column_block ? column_block : a.width;
  const int64_t blocks = (a.width + width_each - 1) / width_each;
  const int64_t rows_each = few ? 1 : 64;
  const int64_t pieces = (a.rows + rows_each - 1) / rows_each;
  parallel_for(static_cast<size_t>(pieces * blocks), [&](size_t job, Worker& worker) {
    const int64_t piece = static_cast<int64_t>(job) / blocks, block = static_cast<int64_t>(job) % blocks;
    const int64_t begin = block * width_each;
    const int64_t width = begin + width_each < a.width ? width_each : a.width - begin;
    const int64_t last = (piece + 1) * rows_each < a.rows ? (piece + 1) * rows_each : a.rows;
    for (int64_t row = piece * rows_each; row < last; row++) scatter_row(k, a, row, begin, width, worker);
  });
}

}  // namespace athanor
