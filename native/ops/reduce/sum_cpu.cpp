#include "ops/reduce/reduce.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

// inner = 1: every sum runs over n neighbours.
void sum_rows(const SumForward<float>& a) {
  int64_t blocks = std::max<int64_t>(1, (a.n + sum_block - 1) / sum_block);
  std::vector<double> partial(static_cast<size_t>(a.outer * blocks));
  size_t grain = static_cast<size_t>(sum_block / (std::min(a.n, sum_block) + 1) + 1);
  parallel_ranges(partial.size(), grain, [&](size_t begin, size_t end, Worker&) {
    for (size_t job = begin; job < end; job++) {
      int64_t o = static_cast<int64_t>(job) / blocks, first = static_cast<int64_t>(job) % blocks * sum_block;
      partial[job] = sum_run(a.x + o * a.n + first, std::min(sum_block, a.n - first));
    }
  });
  for (int64_t o = 0; o < a.outer; o++) {
    double total = 0;
    for (int64_t b = 0; b < blocks; b++) total += partial[static_cast<size_t>(o * blocks + b)];
    a.y[o] = static_cast<float>(total * a.scale);
  }
}

}  // namespace

void sum_forward(Cpu, const SumForward<float>& a) {
  if (a.inner == 1) return sum_rows(a);
  sum_of_rows(a.y, a.outer, a.n, a.inner, a.scale,
              [&](int64_t o, int64_t r, int64_t column, int64_t, float*) {
                return a.x + (o * a.n + r) * a.inner + column;
              });
}

void sum_backward(Cpu, const SumBackward<float>& a) {
  const Kernels& k = kernels();
  if (a.inner == 1) {
    // One number per run of n: cut the elements, not the runs, as there may be one run only.
    parallel_ranges(static_cast<size_t>(a.outer * a.n), static_cast<size_t>(sum_block),
                    [&](size_t begin, size_t end, Worker&) {
                      size_t n = static_cast<size_t>(a.n);
                      for (size_t at = begin; at < end;) {
                        size_t stop = std::min(end, (at / n + 1) * n);
                        k.fill(a.dx + at, a.dy[at / n] * a.scale, stop - at);
                        at = stop;
                      }
                    });
    return;
  }
  size_t width = static_cast<size_t>(a.inner);
  parallel_ranges(static_cast<size_t>(a.outer * a.n), static_cast<size_t>(sum_block) / (width + 1) + 1,
                  [&](size_t begin, size_t end, Worker&) {
                    for (size_t row = begin; row < end; row++) {
                      k.scale(a.dx + row * width, a.scale, a.dy + row / static_cast<size_t>(a.n) * width,
                              width);
                    }
                  });
}

}  // namespace athanor
