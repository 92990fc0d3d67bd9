// softmax, log_softmax and logsumexp on the device against the CPU's.
#include <limits>

#include "cuda/check/row_cases.h"
#include "ops/softmax/softmax.h"

namespace athanor {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::string text(int64_t rows, int64_t n) {
  return " of (" + std::to_string(rows) + ", " + std::to_string(n) + ")";
}

// Gives in shared memory as much as asked for, so that both ways to keep a wide row are tried.
Cuda with_shared_bytes(const Cuda& cuda, CudaProperties& properties, size_t bytes) {
  properties = *cuda.properties;
  properties.shared_bytes = bytes;
  return {cuda.stream, cuda.scratch, &properties};
}

template <class T>
void check_rows(KernelCheck& check, const Cuda& cuda, const RowsOnBoth<T>& x, int64_t rows, int64_t n,
                size_t offset = 0) {
  const size_t count = static_cast<size_t>(rows * n);
  const DeviceArray<T> y(count, offset), log_y(count, offset);
  const DeviceArray<float> lse(static_cast<size_t>(rows));
  softmax_forward(cuda, SoftmaxRows<T>{x.data(), y.data(), rows, n});
  log_softmax_forward(cuda, SoftmaxRows<T>{x.data(), log_y.data(), rows, n});
  logsumexp_forward(cuda, LogsumexpRows<T>{x.data(), lse.data(), rows, n});
  std::vector<float> wanted(count), wanted_lse(static_cast<size_t>(rows));
  softmax_forward(Cpu{}, SoftmaxRows<float>{x.host.data(), wanted.data(), rows, n});
  check.close("softmax" + text(rows, n), y.floats(), wanted, rounding<T>(1e-6));
  log_softmax_forward(Cpu{}, SoftmaxRows<float>{x.host.data(), wanted.data(), rows, n});
  check.close("log_softmax" + text(rows, n), log_y.floats(), wanted, rounding<T>(2e-6));
  logsumexp_forward(Cpu{}, LogsumexpRows<float>{x.host.data(), wanted_lse.data(), rows, n});
  check.close("logsumexp" + text(rows, n), lse.floats(), wanted_lse, {1e-6, 1e-6});
}

template <class T>
std::vector<float> spread(KernelCheck& check, int64_t rows, int64_t n) {
  return check.random.floats(static_cast<size_t>(rows * n), -12, 12);
}

KERNEL_CHECK(softmax, "forward, rows of every length") {
  for (int64_t n : row_widths) {
    check_rows<float>(check, check.cuda, {spread<float>(check, 3, n), n}, 3, n);
    check_rows<bf16>(check, check.cuda, {spread<bf16>(check, 3, n), n}, 3, n);
  }
}

KERNEL_CHECK(softmax, "forward, any number of rows, none of any length") {
  for (int64_t rows : {0, 1, 4, 5}) {
    for (int64_t n : {0, 36, 1100}) {
      check_rows<float>(check, check.cuda, {spread<float>(check, rows, n), n}, rows, n);
    }
  }
}

KERNEL_CHECK(softmax, "forward, wide rows in shared memory and not, at every address") {
  CudaProperties properties;
  for (size_t bytes : {0, 100 * 1024}) {
    const Cuda cuda = with_shared_bytes(check.cuda, properties, bytes);
    for (int64_t n : {8195, 9001, 12000}) {
      for (size_t offset : {0, 3}) {
        check_rows<float>(check, cuda, {spread<float>(check, 2, n), n, 0, offset}, 2, n, offset);
        check_rows<bf16>(check, cuda, {spread<bf16>(check, 2, n), n, 0, offset}, 2, n);
      }
    }
  }
}

// A maximum that comes early, late, or is equalled: the sum so far must be scaled.
KERNEL_CHECK(softmax, "forward, rising and falling rows, with infinities and NaN") {
  for (int64_t n : {5, 600, 5000, 9000}) {
    std::vector<float> x(static_cast<size_t>(9 * n), -3.0f);
    for (int64_t i = 0; i < n; i++) {
      const float at = static_cast<float>(i) / static_cast<float>(n);
      x[static_cast<size_t>(i)] = 60 * at;
      x[static_cast<size_t>(n + i)] = -90 * at;
      x[static_cast<size_t>(4 * n + i)] = -inf;
      x[static_cast<size_t>(5 * n + i)] = i < n / 2 ? -inf : at;
      x[static_cast<size_t>(7 * n + i)] = -inf;
      x[static_cast<size_t>(8 * n + i)] = -200;
    }
    x[static_cast<size_t>(2 * n + n / 2)] = nan;
    x[static_cast<size_t>(3 * n + n - 1)] = inf;
    x[static_cast<size_t>(6 * n)] = inf;
    x[static_cast<size_t>(6 * n + n - 1)] = nan;
    x[static_cast<size_t>(7 * n + 1)] = nan;
    check_rows<float>(check, check.cuda, {x, n}, 9, n);
    check_rows<bf16>(check, check.cuda, {x, n}, 9, n);
  }
}

// `offset` of dy, y and dx, or of one of them alone.
template <class T>
void check_backward(KernelCheck& check, int64_t rows, int64_t n, size_t offset = 0, int only = -1) {
  const auto offset_of = [&](int array) { return only < 0 || only == array ? offset : 0; };
  const size_t count = static_cast<size_t>(rows * n);
  const RowsOnBoth<T> dy(check, rows, n, 0, offset_of(0));
  const std::vector<float> x = rounded_to<T>(spread<T>(check, rows, n));
  std::vector<float> y(count), log_y(count), wanted(count);
  softmax_forward(Cpu{}, SoftmaxRows<float>{x.data(), y.data(), rows, n});
  log_softmax_forward(Cpu{}, SoftmaxRows<float>{x.data(), log_y.data(), rows, n});
  const RowsOnBoth<T> kept(y, n, 0, offset_of(1)), kept_log(log_y, n, 0, offset_of(1));
  const DeviceArray<T> dx(count, offset_of(2)), dx_log(count, 0);
  softmax_backward(check.cuda, SoftmaxGradient<T>{dy.data(), kept.data(), dx.data(), rows, n});
  log_softmax_backward(check.cuda, SoftmaxGradient<T>{dy.data(), kept_log.data(), dx_log.data(), rows, n});
  softmax_backward(Cpu{}, SoftmaxGradient<float>{dy.host.data(), kept.host.data(), wanted.data(), rows, n});
  check.close("softmax dx" + text(rows, n), dx.floats(), wanted, rounding<T>(2e-6));
  log_softmax_backward(Cpu{},
                       SoftmaxGradient<float>{dy.host.data(), kept_log.host.data(), wanted.data(), rows, n});
  // The sum of dy, of some ten rounded differently, is a factor of every element.
  check.close("log_softmax dx" + text(rows, n), dx_log.floats(), wanted, rounding<T>(2e-5));
}

KERNEL_CHECK(softmax, "backward, rows of every length") {
  for (int64_t n : row_widths) {
    check_backward<float>(check, 3, n);
    check_backward<bf16>(check, 3, n);
  }
  for (int64_t rows : {0, 1, 4, 5}) check_backward<float>(check, rows, 36);
  check_backward<float>(check, 3, 0);
}

KERNEL_CHECK(softmax, "backward, addresses off") {
  for (int64_t n : {9, 64, 1032, 8196, 8201}) {
    check_backward<float>(check, 3, n, 1);
    check_backward<bf16>(check, 3, n, 5);
    for (int only : {0, 1, 2}) check_backward<float>(check, 3, n, 1, only);
  }
}

template <class T>
void check_logsumexp_backward(KernelCheck& check, const RowsOnBoth<T>& x, int64_t rows, int64_t n,
                              size_t offset = 0) {
  const RowsOnBoth<float> dy(check, 1, rows);
  std::vector<float> y(static_cast<size_t>(rows)), wanted(static_cast<size_t>(rows * n));
  logsumexp_forward(Cpu{}, LogsumexpRows<float>{x.host.data(), y.data(), rows, n});
  const DeviceArray<float> kept(y);
  const DeviceArray<T> dx(wanted.size(), offset);
  logsumexp_backward(check.cuda, LogsumexpGradient<T>{dy.data(), x.data(), kept.data(), dx.data(), rows, n});
  logsumexp_backward(
      Cpu{}, LogsumexpGradient<float>{dy.host.data(), x.host.data(), y.data(), wanted.data(), rows, n});
  check.close("logsumexp dx" + text(rows, n), dx.floats(), wanted, rounding<T>(2e-6));
}

KERNEL_CHECK(softmax, "logsumexp backward") {
  for (int64_t n : {0, 1, 3, 4, 9, 129, 1024, 1025, 2049, 9001}) {
    for (size_t offset : {0, 1}) {
      check_logsumexp_backward<float>(check, {spread<float>(check, 5, n), n, 0, offset}, 5, n, offset);
      check_logsumexp_backward<bf16>(check, {spread<bf16>(check, 5, n), n, 0, offset}, 5, n);
    }
  }
  // Rounded at the size of the maximum, y is off by more than an element may be: the sum makes up for it.
  std::vector<float> far = check.random.floats(3 * 70, 30000, 30003);
  check_logsumexp_backward<float>(check, {far, 70}, 3, 70);
  far[5] = inf, far[75] = -inf, far[145] = nan;
  std::fill(far.begin() + 70, far.begin() + 140, -inf);
  check_logsumexp_backward<float>(check, {far, 70}, 3, 70);
}

}  // namespace
}  // namespace athanor
