// The CUDA side of quantize_rows: a block to a row. The first bad row comes back to the host, which waits for
// it: weights are rounded once, when a model is loaded.
#include "cuda/launch.h"
#include "cuda/reduce.h"
#include "cuda/scratch.h"
#include "ops/quantize_rows/quantize_rows.h"

namespace athanor {

namespace {

constexpr int threads = 256;
constexpr uint32_t none = 0xFFFFFFFFu;

__global__ void __launch_bounds__(threads)
    quantize_rows_kernel(const float* x, int64_t width, int8_t* q, float* scale, uint32_t* bad_row) {
  const float* row = x + static_cast<size_t>(blockIdx.x) * static_cast<size_t>(width);
  int8_t* to = q + static_cast<size_t>(blockIdx.x) * static_cast<size_t>(width);
  float largest = 0.0f, poison = 0.0f;
  for (int64_t i = threadIdx.x; i < width; i += threads) {
    largest = fmaxf(largest, fabsf(row[i]));
    poison += row[i] * 0.0f;  // NaN of an infinity or a NaN
  }
  largest = block_max<threads>(largest);
  poison = block_sum<threads>(poison);
  const float step = largest / 127.0f;
  if (threadIdx.x == 0) {
    scale[blockIdx.x] = step;
    if (poison != 0.0f) atomicMin(bad_row, blockIdx.x);
  }
  const float inverse = step > 0.0f ? 127.0f / largest : 0.0f;
  for (int64_t i = threadIdx.x; i < width; i += threads) {
    to[i] = static_cast<int8_t>(rintf(fminf(fmaxf(row[i] * inverse, -127.0f), 127.0f)));
  }
}

}  // namespace

void quantize_rows_forward(Cuda cuda, const QuantizeRows& a) {
  if (a.rows == 0) return;
  if (a.rows >= static_cast<int64_t>(none) / 2) {
    throw Error(ErrorCode::shape, "quantize_rows: x must have fewer rows, got " + std::to_string(a.rows));
  }
  Scratch<uint32_t> bad_row(cuda, 1);
  cudaStream_t stream = static_cast<cudaStream_t>(cuda.stream);
  check(cudaMemsetAsync(bad_row.data(), 0xFF, sizeof(uint32_t), stream), "quantize_rows");
  launch(quantize_rows_kernel, dim3(static_cast<unsigned>(a.rows)), dim3(threads), 0, cuda.stream, a.x,
         a.width, a.q, a.scale, bad_row.data());
  uint32_t row = none;
  check(cudaMemcpyAsync(&row, bad_row.data(), sizeof(row), cudaMemcpyDeviceToHost, stream), "quantize_rows");
  check(cudaStreamSynchronize(stream), "quantize_rows");
  if (row == none) return;
  throw Error(ErrorCode::data, "quantize_rows: x must be finite, row " + std::to_string(row) + " is not");
}

}  // namespace athanor
