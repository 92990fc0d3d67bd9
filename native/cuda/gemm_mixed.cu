// fp32 activations with a bf16 weight, to the precision of fp32, on bf16 tensor cores: 24 bits of mantissa
// are three times 8, so x is the sum of three bf16 matrices without any loss, and products of bf16 are exact
// in fp32. The three lie below one another as one matrix of 3 m rows; what comes of them is added up as the
// sums of a split k are. Costs three bf16 products, a fourth of what true fp32 would on an H200.
#include "cuda/gemm_kernels.h"
#include "cuda/gemm_tensor.h"

namespace athanor {

// Compiled in gemm_bf16_f32.cu.
extern template void run_tensor(const Cuda&, const GemmPlan&, TensorProblem<Bf16Family>,
                                const Epilogue<float>&, bool, bool, int64_t);

namespace {

constexpr int part_threads = 256, parts = 3;

// Towards zero, so that the rest has 8 bits less and the sign of x.
__device__ inline bf16 upper_half(float x) {
  return bf16{static_cast<uint16_t>(__float_as_uint(x) >> 16)};
}

// x (m, k) to y (3, m, ld).
__global__ void __launch_bounds__(part_threads)
    bf16_parts_kernel(const float* x, int64_t ld_x, int64_t m, int64_t k, bf16* y, int64_t ld) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * part_threads + threadIdx.x;
  if (index >= m * k) return;
  const int64_t row = index / k, column = index % k;
  float rest = x[static_cast<size_t>(row * ld_x + column)];
  bf16* to = y + static_cast<size_t>(row * ld + column);
  const bool finite = fabsf(rest) < INFINITY;
#pragma unroll
  for (int part = 0; part < parts; part++, to += static_cast<size_t>(m * ld)) {
    // An infinity or a NaN is all in the first part; the upper half of a NaN might be infinity.
    const bf16 value = finite ? upper_half(rest) : from_float<bf16>(part == 0 ? rest : 0.0f);
    *to = value;
    rest -= to_float(value);
  }
}

}  // namespace

void gemm_mixed(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, bf16, float>& g) {
  const int64_t ld = (g.k + 7) / 8 * 8;
  Scratch<bf16> x(cuda, parts * g.m * ld);
  if (g.k > 0) {
    launch(bf16_parts_kernel, dim3(blocks_for(static_cast<size_t>(g.m * g.k), part_threads)),
           dim3(part_threads), 0, cuda.stream, g.a.data, g.a.ld, g.m, g.k, x.data(), ld);
  }
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const TensorProblem<Bf16Family> p{factor_source(GemmFactor<bf16>{x.data(), ld, false}, 1),
                                    factor_source(g.b, 1),
                                    parts * m,
                                    n,
                                    k,
                                    gemm_grid(plan, 1, parts * g.m, n),
                                    nullptr,
                                    nullptr};
  run_tensor(cuda, plan, p, make_epilogue(g.out, m, n), false, g.b.transposed, parts);
}

}  // namespace athanor
