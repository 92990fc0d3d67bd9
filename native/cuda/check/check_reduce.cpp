// sum and mean over rows, columns and all, against sums in double.
#include "cuda/check/elementwise_cases.h"
#include "ops/reduce/reduce.h"

namespace athanor {
namespace {

struct Extent {
  int64_t outer, n, inner;
};

// `offset` of what is summed and its gradient, `sums_offset` of the sums and theirs.
template <class T>
void check_sum(KernelCheck& check, const Extent& s, double scale, size_t offset, size_t sums_offset) {
  const size_t sums = static_cast<size_t>(s.outer * s.inner),
               count = static_cast<size_t>(s.outer * s.n * s.inner);
  const std::vector<float> x = rounded_to<T>(check.random.floats(count));
  std::vector<double> wanted(sums);
  for (int64_t o = 0; o < s.outer; o++) {
    for (int64_t i = 0; i < s.inner; i++) {
      double total = 0;
      for (int64_t k = 0; k < s.n; k++) total += x[static_cast<size_t>((o * s.n + k) * s.inner + i)];
      wanted[static_cast<size_t>(o * s.inner + i)] = total * scale;
    }
  }
  DeviceArray<T> device_x(x, offset), y(sums, sums_offset);
  sum_forward(check.cuda, SumForward<T>{device_x.data(), y.data(), s.outer, s.n, s.inner, scale});
  const double absolute = 1e-9 * scale;  // of partial sums below 100 that cancel
  check.close("sum", y.floats(), wanted, tolerance_of<T>(absolute, 1.2e-7));

  const std::vector<float> dy = rounded_to<T>(check.random.normals(sums));
  std::vector<float> wanted_dx(count);
  sum_backward(Cpu{}, SumBackward<float>{dy.data(), wanted_dx.data(), s.outer, s.n, s.inner,
                                         static_cast<float>(scale)});
  DeviceArray<T> device_dy(dy, sums_offset), dx(count, offset);
  sum_backward(check.cuda,
               SumBackward<T>{device_dy.data(), dx.data(), s.outer, s.n, s.inner, static_cast<float>(scale)});
  check.same("gradient", dx.floats(), rounded_to<T>(wanted_dx));
}

void check_extents(KernelCheck& check, const std::vector<Extent>& extents) {
  for (const Extent& s : extents) {
    for (size_t offset : {0, 1}) {
      for_float_types([&](auto zero) {
        check_sum<decltype(zero)>(check, s, 1.0, offset, offset);
        check_sum<decltype(zero)>(check, s, 1.0 / 3, offset, 1 - offset);
      });
    }
  }
}

KERNEL_CHECK(reduce, "rows") {
  check_extents(check, {{0, 5, 1},
                        {1, 1, 1},
                        {1, 3, 1},
                        {2, 4, 1},
                        {3, 5, 1},
                        {9, 16, 1},
                        {70, 33, 1},
                        {5, 512, 1},
                        {300, 100, 1},
                        {8200, 3, 1}});
}

// One row is cut into stretches of 4096 or 8192 elements, which many teams add.
KERNEL_CHECK(reduce, "long rows") {
  check_extents(check,
                {{1, 4096, 1}, {1, 4097, 1}, {1, 8192, 1}, {1, 8193, 1}, {3, 20000, 1}, {1, 70001, 1}});
}

KERNEL_CHECK(reduce, "columns") {
  check_extents(
      check,
      {{1, 1, 2}, {1, 5, 3}, {2, 3, 8}, {1, 33, 7}, {3, 20, 129}, {1, 40, 257}, {4, 9, 16}, {0, 3, 4}});
}

// Columns are cut into ranges of rows: from 256 rows on where they are wide, from 4096 where they are narrow.
KERNEL_CHECK(reduce, "long columns") {
  check_extents(check,
                {{1, 255, 128}, {1, 256, 130}, {1, 777, 128}, {2, 600, 40}, {1, 9000, 2}, {3, 4097, 3}});
}

KERNEL_CHECK(reduce, "nothing") {
  for_float_types([&](auto zero) {
    using T = decltype(zero);
    for (const Extent& s : std::vector<Extent>{{3, 0, 1}, {1, 0, 5}}) {
      const size_t sums = static_cast<size_t>(s.outer * s.inner);
      DeviceArray<T> x(0), y(sums), mean(sums);
      sum_forward(check.cuda, SumForward<T>{x.data(), y.data(), s.outer, 0, s.inner, 1.0});
      sum_forward(check.cuda, SumForward<T>{x.data(), mean.data(), s.outer, 0, s.inner, 1.0 / 0.0});
      check.same("sum of nothing", y.floats(), std::vector<float>(sums, 0.0f));
      check.same("mean of nothing", mean.floats(), std::vector<float>(sums, NAN));
      sum_backward(check.cuda, SumBackward<T>{y.data(), x.data(), s.outer, 0, s.inner, 1.0f});
    }
    DeviceArray<T> none(0);
    sum_forward(check.cuda, SumForward<T>{none.data(), none.data(), 2, 3, 0, 1.0});
    sum_backward(check.cuda, SumBackward<T>{none.data(), none.data(), 2, 3, 0, 1.0f});
  });
}

// Terms that do not cancel: fp32 alone would lose digits.
KERNEL_CHECK(reduce, "many equal terms") {
  const size_t n = 300000;
  DeviceArray<float> x(std::vector<float>(n, 0.1f)), y(1), columns(2);
  sum_forward(check.cuda, SumForward<float>{x.data(), y.data(), 1, int64_t{n}, 1, 1.0});
  check.close("row", y.floats(), std::vector<double>{n * double{0.1f}}, {0, 1e-7});
  sum_forward(check.cuda, SumForward<float>{x.data(), columns.data(), 1, int64_t{n / 2}, 2, 1.0});
  check.close("columns", columns.floats(), std::vector<double>(2, n / 2 * double{0.1f}), {0, 1e-7});
}

KERNEL_CHECK(reduce, "infinities and NaN") {
  std::vector<float> values(40, 1.0f);
  values[3] = INFINITY, values[10] = 3e38f, values[13] = 3e38f, values[25] = -INFINITY, values[31] = NAN;
  DeviceArray<float> x(values), rows(4), columns(10);
  sum_forward(check.cuda, SumForward<float>{x.data(), rows.data(), 4, 10, 1, 1.0});
  check.close("rows", rows.floats(), std::vector<float>{INFINITY, INFINITY, -INFINITY, NAN}, {});
  sum_forward(check.cuda, SumForward<float>{x.data(), columns.data(), 1, 4, 10, 1.0});
  check.close("columns", columns.floats(),
              std::vector<float>{3e38f, NAN, 4, INFINITY, 4, -INFINITY, 4, 4, 4, 4}, {0, 1e-6});
}

KERNEL_CHECK(reduce, "the same bits twice") {
  const std::vector<float> values = check.random.normals(60000);
  DeviceArray<float> x(values), y(1), again(1), columns(3), again_columns(3);
  sum_forward(check.cuda, SumForward<float>{x.data(), y.data(), 1, 60000, 1, 1.0});
  sum_forward(check.cuda, SumForward<float>{x.data(), again.data(), 1, 60000, 1, 1.0});
  check.same("row", again.floats(), y.floats());
  sum_forward(check.cuda, SumForward<float>{x.data(), columns.data(), 1, 20000, 3, 1.0});
  sum_forward(check.cuda, SumForward<float>{x.data(), again_columns.data(), 1, 20000, 3, 1.0});
  check.same("columns", again_columns.floats(), columns.floats());
}

}  // namespace
}  // namespace athanor
