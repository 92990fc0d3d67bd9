// g++ -O3 -std=c++17 -Inative benchmarks/native/gemm.bench.cpp -o gemm-bench <objects of native/cpu> -pthread
//
// fp32 matrix products of BERT base: forward (with bias, with GELU), dX, dW, few rows, attention heads. The
// cases take turns, so that a slow moment of the machine hits all of them; the median of the runs and the
// spread between the quartiles are printed. With one thread the clock is that thread's CPU time, which
// other processes disturb less. Usage: gemm-bench [threads] [runs >= 20] [isa]
#include "cpu/gemm.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cpu/kernels.h"

using namespace athanor;

namespace {

struct Case {
  const char* name;
  size_t m, n, k;
  bool a_transposed, b_transposed;
  Function activation;
  int repeats;  // products in one sample, for the short ones
};

const Case cases[] = {
    {"forward", 1024, 768, 768, false, true, Function::identity, 1},
    {"forward", 1024, 3072, 768, false, true, Function::identity, 1},
    {"forward + gelu", 1024, 3072, 768, false, true, Function::gelu, 1},
    {"forward", 1024, 768, 3072, false, true, Function::identity, 1},
    {"dX", 1024, 768, 768, false, false, Function::identity, 1},
    {"dX", 2048, 3072, 768, false, false, Function::identity, 1},
    {"dX", 2048, 768, 3072, false, false, Function::identity, 1},
    {"dW", 768, 768, 1024, true, false, Function::identity, 1},
    {"dW", 3072, 768, 2048, true, false, Function::identity, 1},
    {"dW", 768, 3072, 2048, true, false, Function::identity, 1},
    {"forward", 128, 768, 768, false, true, Function::identity, 4},
    {"forward", 128, 3072, 768, false, true, Function::identity, 1},
    {"forward", 128, 768, 3072, false, true, Function::identity, 1},
    {"few rows", 16, 768, 768, false, true, Function::identity, 16},
    {"few rows", 16, 3072, 768, false, true, Function::identity, 8},
    {"few rows", 1, 3072, 768, false, true, Function::identity, 16},
    {"head Q K^T", 128, 128, 64, false, true, Function::identity, 64},
    {"head P V", 128, 64, 128, false, false, Function::identity, 64},
    {"head P^T dO", 128, 64, 128, true, false, Function::identity, 64},
    {"tiny", 1, 1, 8, false, true, Function::identity, 10000},
};

std::vector<float> values(size_t count) {
  std::vector<float> x(count);
  uint32_t state = 1;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 16777216.0f - 0.5f;
  }
  return x;
}

struct Prepared {
  std::vector<float> a, b, c, bias;
  Gemm gemm;
  std::vector<double> seconds;

  explicit Prepared(const Case& x)
      : a(values(x.m * x.k)), b(values(x.n * x.k)), c(values(x.m * x.n)), bias(values(x.n)) {
    gemm.m = x.m;
    gemm.n = x.n;
    gemm.k = x.k;
    gemm.a = a.data();
    gemm.b = b.data();
    gemm.c = c.data();
    gemm.a_transposed = x.a_transposed;
    gemm.b_transposed = x.b_transposed;
    gemm.lda = x.a_transposed ? x.m : x.k;
    gemm.ldb = x.b_transposed ? x.k : x.n;
    gemm.ldc = x.n;
    gemm.activation = x.activation;
    gemm.accumulate = x.a_transposed;  // as weight gradients are
    if (!x.a_transposed) gemm.bias = bias.data();
  }
};

double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) set_thread_count(std::atoi(argv[1]));
  int runs = argc > 2 ? std::max(20, std::atoi(argv[2])) : 20;
  const Kernels* chosen = argc > 3 ? kernels_for(argv[3]) : &kernels();
  if (chosen == nullptr) {
    std::fprintf(stderr, "this machine or build does not have %s\n", argv[3]);
    return 1;
  }
  clockid_t clock = thread_count() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  std::vector<Prepared> prepared;
  for (const Case& x : cases) prepared.emplace_back(x);
  for (int run = -1; run < runs; run++) {  // the first round warms up
    for (size_t i = 0; i < prepared.size(); i++) {
      double start = now(clock);
      for (int repeat = 0; repeat < cases[i].repeats; repeat++) detail::gemm_with(*chosen, prepared[i].gemm);
      if (run >= 0) prepared[i].seconds.push_back((now(clock) - start) / cases[i].repeats);
    }
  }
  std::printf("%s, %d threads, %d runs; GFLOP/s: median (quartiles)\n", chosen->isa, thread_count(), runs);
  for (size_t i = 0; i < prepared.size(); i++) {
    const Case& x = cases[i];
    std::vector<double>& t = prepared[i].seconds;
    std::sort(t.begin(), t.end());
    double gflop = 2e-9 * static_cast<double>(x.m) * static_cast<double>(x.n) * static_cast<double>(x.k);
    size_t n = t.size();
    std::printf("%-15s %5zu x %5zu x %5zu  %7.1f (%.1f to %.1f)  %.2f us\n", x.name, x.m, x.n, x.k,
                gflop / t[n / 2], gflop / t[n * 3 / 4], gflop / t[n / 4], t[n / 2] * 1e6);
  }
}
