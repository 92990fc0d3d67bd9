#include <cmath>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/softmax/log_softmax_row.h"
#include "ops/softmax/softmax.h"

namespace athanor {

namespace {

// About 4096 elements are worth a wake-up.
size_t row_grain(int64_t n) {
  return static_cast<size_t>(4096 / (n + 1) + 1);
}

// Calls body(row, first element) for every row, on the pool.
template <class Body>
void for_rows(int64_t rows, int64_t n, const Body& body) {
  parallel_ranges(static_cast<size_t>(rows), row_grain(n), [&](size_t begin, size_t end, Worker&) {
    for (size_t row = begin; row < end; row++) body(row, row * static_cast<size_t>(n));
  });
}

}  // namespace

void softmax_forward(Cpu, const SoftmaxRows<float>& a) {
  const size_t n = static_cast<size_t>(a.n);
  parallel_ranges(static_cast<size_t>(a.rows), row_grain(a.n), [&](size_t begin, size_t end, Worker&) {
    kernels().softmax(a.y + begin * n, a.x + begin * n, end - begin, n);
  });
}

void softmax_backward(Cpu, const SoftmaxGradient<float>& a) {
  for_rows(a.rows, a.n, [&](size_t, size_t at) {
    kernels().softmax_backward(a.dx + at, a.dy + at, a.y + at, static_cast<size_t>(a.n));
  });
}

void log_softmax_forward(Cpu, const SoftmaxRows<float>& a) {
  const size_t n = static_cast<size_t>(a.n);
  for_rows(a.rows, a.n, [&](size_t, size_t at) { log_softmax_row(a.y + at, a.x + at, n); });
}

void log_softmax_backward(Cpu, const SoftmaxGradient<float>& a) {
  for_rows(a.rows, a.n, [&](size_t, size_t at) {
    kernels().log_softmax_backward(a.dx + at, a.dy + at, a.y + at, static_cast<size_t>(a.n));
  });
}

void logsumexp_forward(Cpu, const LogsumexpRows<float>& a) {
  const Kernels& k = kernels();
  size_t n = static_cast<size_t>(a.n);
  for_rows(a.rows, a.n, [&](size_t row, size_t at) {
    float max = k.maximum(a.x + at, n);
    // An infinite maximum is the result: inf - inf below would make it NaN.
    a.y[row] = std::isinf(max) ? max : max + std::log(k.exp_sum(nullptr, a.x + at, max, n));
  });
}

void logsumexp_backward(Cpu, const LogsumexpGradient<float>& a) {
  const Kernels& k = kernels();
  size_t n = static_cast<size_t>(a.n);
  for_rows(a.rows, a.n, [&](size_t row, size_t at) {
    // exp(x - y) is the softmax, but y was rounded at the size of max: divide by what it sums to. Where y is
    // infinite that sum is NaN, and only the elements that are themselves undefined should become so.
    float sum = k.exp_sum(a.dx + at, a.x + at, a.y[row], n);
    k.scale(a.dx + at, std::isinf(a.y[row]) ? a.dy[row] : a.dy[row] / sum, a.dx + at, n);
  });
}

}  // namespace athanor
