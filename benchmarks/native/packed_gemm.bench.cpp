// Products with packed weights (f32, bf16, i8), BERT-base shapes. Every case goes through 16 weights in turn,
// 38 MB and more of them in f32, so that none is found in the cache. The cases take turns; medians and
// quartiles. Beside each stands what it reads of weights per second, and first what a plain loop reads.
//   g++ -O3 -std=c++17 -Inative benchmarks/native/packed_gemm.bench.cpp -o packed-gemm-bench \
//     build/Release/engine.a build/Release/isa_*.a -pthread
// Usage: packed-gemm-bench [threads] [runs >= 20] [isa] [only this many rows]
#include "cpu/packed_gemm.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/allocator.h"
#include "cpu/kernels.h"

using namespace athanor;

namespace {

constexpr size_t weight_count = 16;

struct Case {
  size_t m, n, k;
  DType dtype;
  std::vector<std::unique_ptr<PackedWeight>> weights;
  std::vector<float> a, c, bias, scale;
  std::vector<double> seconds;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void multiply_all(Case& x) {
  for (const auto& weight : x.weights) {
    PackedGemm g;
    g.m = x.m;
    g.a = x.a.data();
    g.lda = x.k;
    g.weight = weight.get();
    g.weight_scale = x.scale.data();
    g.c = x.c.data();
    g.ldc = x.n;
    g.bias = x.bias.data();
    gemm(g);
  }
}

// GB/s of reading 1 GB on all threads.
double read_bandwidth() {
  static std::vector<float> memory(256u << 20, 1.0f);
  std::vector<double> samples;
  for (int run = 0; run < 5; run++) {
    double start = now();
    parallel_for(256, [&](size_t part, Worker&) {
      volatile float kept = kernels().sum(memory.data() + (part << 20), 1u << 20);
      (void)kept;
    });
    samples.push_back(static_cast<double>(memory.size() * sizeof(float)) / (now() - start) * 1e-9);
  }
  std::sort(samples.begin(), samples.end());
  return samples[2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) set_thread_count(std::atoi(argv[1]));
  int runs = argc > 2 ? std::max(20, std::atoi(argv[2])) : 20;
  const Kernels* chosen = argc > 3 ? kernels_for(argv[3]) : &kernels();
  size_t only = argc > 4 ? static_cast<size_t>(std::atoi(argv[4])) : 0;
  if (chosen == nullptr) return 1;
  std::printf("%s, %d threads; plain reading: %.1f GB/s\n", chosen->isa, thread_count(), read_bandwidth());
  const size_t shapes[][2] = {{768, 768}, {3072, 768}, {768, 3072}};
  std::vector<Case> cases;
  for (size_t m : {1, 8, 16, 32, 128, 1024}) {
    if (only && m != only) continue;
    for (const auto& shape : shapes) {
      for (DType dtype : {DType::f32, DType::bf16, DType::i8}) {
        Case x{m, shape[0], shape[1], dtype, {}, {}, {}, {}, {}, {}};
        x.a.assign(m * x.k, 0.5f);
        x.c.resize(m * x.n);
        x.bias.resize(x.n);
        x.scale.assign(x.n, 0.01f);
        std::vector<char> plain(x.n * x.k * dtype_size(dtype), 1);
        for (size_t i = 0; i < weight_count; i++) {
          PlainWeight w{plain.data(), dtype, x.n, x.k, true};
          x.weights.push_back(std::make_unique<PackedWeight>(*chosen, Device::cpu().allocator(), w));
        }
        cases.push_back(std::move(x));
      }
    }
  }
  for (int run = -1; run < runs; run++) {
    for (Case& x : cases) {
      double start = now();
      multiply_all(x);
      if (run >= 0) x.seconds.push_back((now() - start) / weight_count);
    }
  }
  for (Case& x : cases) {
    std::sort(x.seconds.begin(), x.seconds.end());
    size_t n = x.seconds.size();
    double gflop = 2e-9 * static_cast<double>(x.m) * static_cast<double>(x.n) * static_cast<double>(x.k);
    double gb = 1e-9 * static_cast<double>(x.n * x.k * dtype_size(x.dtype));
    double t = x.seconds[n / 2];
    std::printf("%5zu x %5zu x %5zu %-5s %8.1f us (%.1f to %.1f)  %7.1f GFLOP/s  %5.1f GB/s\n", x.m, x.n, x.k,
                dtype_name(x.dtype), t * 1e6, x.seconds[n / 4] * 1e6, x.seconds[n * 3 / 4] * 1e6, gflop / t,
                gb / t);
  }
}
