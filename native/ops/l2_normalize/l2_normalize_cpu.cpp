#include <cmath>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/l2_normalize/l2_normalize.h"

namespace athanor {

namespace {

// max(norm, eps) that keeps a NaN.
float divisor(float norm, float eps) {
  return norm < eps ? eps : norm;
}

size_t grain(int64_t n) {
  return static_cast<size_t>(8192 / (n + 1) + 1);
}

}  // namespace

void l2_normalize_forward(Cpu, const L2NormalizeForward<float>& a) {
  const Kernels& k = kernels();
  size_t n = static_cast<size_t>(a.n);
  parallel_ranges(static_cast<size_t>(a.rows), grain(a.n), [&](size_t begin, size_t end, Worker&) {
    for (size_t row = begin; row < end; row++) {
      float norm = static_cast<float>(std::sqrt(k.sum_squares(a.x + row * n, n)));
      if (a.norm) a.norm[row] = norm;
      k.arithmetic_scalar(Arithmetic::divide, a.y + row * n, a.x + row * n, divisor(norm, a.eps), n);
    }
  });
}

void l2_normalize_backward(Cpu, const L2NormalizeBackward<float>& a) {
  const Kernels& k = kernels();
  size_t n = static_cast<size_t>(a.n);
  parallel_ranges(static_cast<size_t>(a.rows), grain(a.n), [&](size_t begin, size_t end, Worker&) {
    for (size_t row = begin; row < end; row++) {
      const float *dy = a.dy + row * n, *y = a.y + row * n;
      float* dx = a.dx + row * n;
      float by = divisor(a.norm[row], a.eps);
      // Below eps the divisor is a constant. The quotients are taken first: y times a large dy . y may
      // overflow.
      k.arithmetic_scalar(Arithmetic::divide, dx, dy, by, n);
      if (!(a.norm[row] < a.eps)) k.axpy(dx, -k.dot(dy, y, n) / by, y, n);
    }
  });
}

}  // namespace athanor
