// l2_normalize on the device against the CPU's.
#include "cuda/check/row_cases.h"
#include "ops/l2_normalize/l2_normalize.h"

namespace athanor {
namespace {

template <class T>
void check_both(KernelCheck& check, const RowsOnBoth<T>& x, int64_t rows, int64_t n, float eps,
                size_t offset = 0, double relative = 2e-6) {
  const size_t count = static_cast<size_t>(rows * n);
  const std::string of = " of (" + std::to_string(rows) + ", " + std::to_string(n) + ")";
  const DeviceArray<T> y(count, offset), dx(count, offset);
  const DeviceArray<float> norm(static_cast<size_t>(rows));
  l2_normalize_forward(check.cuda, L2NormalizeForward<T>{x.data(), y.data(), norm.data(), rows, n, eps});
  std::vector<float> wanted(count), wanted_norm(static_cast<size_t>(rows));
  l2_normalize_forward(
      Cpu{}, L2NormalizeForward<float>{x.host.data(), wanted.data(), wanted_norm.data(), rows, n, eps});
  check.close("y" + of, y.floats(), wanted, rounding<T>(1e-6));
  check.close("norm" + of, norm.floats(), wanted_norm, {0, 3e-7});

  const RowsOnBoth<T> dy(check, rows, n, 0, offset), kept(wanted, n, 0, offset);
  const DeviceArray<float> kept_norm(wanted_norm);
  l2_normalize_backward(
      check.cuda, L2NormalizeBackward<T>{dy.data(), kept.data(), kept_norm.data(), dx.data(), rows, n, eps});
  l2_normalize_backward(Cpu{}, L2NormalizeBackward<float>{dy.host.data(), kept.host.data(),
                                                          wanted_norm.data(), wanted.data(), rows, n, eps});
  double largest = 0;
  for (float v : wanted) largest = std::fmax(largest, std::fabs(static_cast<double>(v)));
  Tolerance tolerance = rounding<T>(relative);
  tolerance.absolute *= std::isfinite(largest) ? largest : 0;
  check.close("dx" + of, dx.floats(), wanted, tolerance);
}

KERNEL_CHECK(l2_normalize, "rows of every length") {
  for (int64_t n : row_widths) {
    check_both<float>(check, RowsOnBoth<float>(check, 3, n), 3, n, 1e-12f);
    check_both<bf16>(check, RowsOnBoth<bf16>(check, 3, n), 3, n, 1e-12f);
  }
  for (int64_t rows : {0, 1, 4, 5}) check_both<float>(check, RowsOnBoth<float>(check, rows, 36), rows, 36, 0);
  check_both<float>(check, RowsOnBoth<float>(check, 3, 0), 3, 0, 1e-12f);
}

KERNEL_CHECK(l2_normalize, "addresses off, norms below eps") {
  for (int64_t n : {9, 64, 1032, 8201}) {
    check_both<float>(check, RowsOnBoth<float>(check, 3, n, 0, 1), 3, n, 1e-12f, 1);
    check_both<bf16>(check, RowsOnBoth<bf16>(check, 3, n, 0, 3), 3, n, 1e4f, 3);
  }
}

KERNEL_CHECK(l2_normalize, "no norms are kept where nobody wants them") {
  for (int64_t n : {9, 1032, 8201}) {
    const RowsOnBoth<float> x(check, 2, n);
    const DeviceArray<float> y(static_cast<size_t>(2 * n));
    l2_normalize_forward(check.cuda, L2NormalizeForward<float>{x.data(), y.data(), nullptr, 2, n, 1e-12f});
    std::vector<float> wanted(y.size());
    l2_normalize_forward(Cpu{},
                         L2NormalizeForward<float>{x.host.data(), wanted.data(), nullptr, 2, n, 1e-12f});
    check.close("y", y.floats(), wanted, {1e-6, 1e-6});
  }
}

// Their squares are no numbers of fp32.
KERNEL_CHECK(l2_normalize, "huge and tiny rows, zeros and NaN") {
  for (int64_t n : {2, 1100, 9000}) {
    std::vector<float> x = check.random.floats(static_cast<size_t>(4 * n), 0.5f, 1.5f);
    for (int64_t i = 0; i < n; i++) {
      x[static_cast<size_t>(i)] *= 1e30f;
      x[static_cast<size_t>(n + i)] *= 1e-30f;
      x[static_cast<size_t>(2 * n + i)] = 0;
    }
    x[static_cast<size_t>(4 * n - 1)] = NAN;
    check_both<float>(check, {x, n}, 4, n, 1e-35f);
    check_both<bf16>(check, {x, n}, 4, n, 1e-35f);
  }
}

}  // namespace
}  // namespace athanor
