// fp32 activations with an 8-bit weight, as on the CPU: every row of x becomes 8-bit integers over its own
// range, x = scale (q - zero) with q in 0..255, and the sums of products are exact integers.
#include "cuda/gemm_kernels.h"
#include "cuda/gemm_tensor.h"
#include "cuda/reduce.h"

namespace athanor {

namespace {

constexpr int quantize_threads = 128;

// x (m, k) to q (m, ld), one block to a row. The range always holds 0. A row with an infinity or a NaN gets a
// scale of NaN, and so do its results.
__global__ void __launch_bounds__(quantize_threads)
    quantize_activations_kernel(const float* x, int64_t ld_x, int64_t k, uint8_t* q, int64_t ld, float* scale,
                                int32_t* zero) {
  const float* row = x + static_cast<size_t>(blockIdx.x * ld_x);
  uint8_t* to = q + static_cast<size_t>(blockIdx.x * ld);
  float least = 0.0f, most = 0.0f, poison = 0.0f;
  for (int64_t i = threadIdx.x; i < k; i += quantize_threads) {
    const float value = row[i];
    least = fminf(least, value);
    most = fmaxf(most, value);
    poison += value * 0.0f;
  }
  least = -block_max<quantize_threads>(-least);
  most = block_max<quantize_threads>(most);
  poison = block_sum<quantize_threads>(poison);
  const float step = (most - least) / 255.0f;
  const float inverse = step > 1e-35f ? 1.0f / step : 0.0f;
  constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the integer ends up in the low bits
  const float shifted = fmaf(-least, inverse, round_to_integer);
  if (threadIdx.x == 0) {
    scale[blockIdx.x] = step + poison;
    zero[blockIdx.x] = static_cast<int32_t>(shifted - round_to_integer);
  }
  for (int64_t i = threadIdx.x; i < k; i += quantize_threads) {
    const float y = fmaf(row[i], inverse, shifted);  // the shift rounds x / step and adds the zero at once
    const float clamped = fminf(fmaxf(y, round_to_integer), round_to_integer + 255.0f);
    to[i] = static_cast<uint8_t>(__float_as_uint(clamped) & 255u);
  }
}

}  // namespace

void gemm_int8(const Cuda& cuda, const GemmPlan& plan, const DeviceGemm<float, int8_t, float>& g) {
  const int64_t ld = (g.k + 15) / 16 * 16;
  Scratch<uint8_t> q(cuda, g.m * ld);
  Scratch<float> scale(cuda, g.m);
  Scratch<int32_t> zero(cuda, g.m);
  launch(quantize_activations_kernel, dim3(static_cast<unsigned>(g.m)), dim3(quantize_threads), 0,
         cuda.stream, g.a.data, g.a.ld, g.k, q.data(), ld, scale.data(), zero.data());
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const TensorProblem<Int8Family> p{factor_source(GemmFactor<uint8_t>{q.data(), ld, false}, 1),
                                    factor_source(g.b, 1),
                                    m,
                                    n,
                                    k,
                                    gemm_grid(plan, 1, m, n),
                                    nullptr,
                                    zero.data()};
  Epilogue<float> e = make_epilogue(g.out, m, n);
  e.row_scale = scale.data();
  e.column_scale = g.b_scale;
  run_tensor(cuda, plan, p, e, false, g.b.transposed);
}

}  // namespace athanor
