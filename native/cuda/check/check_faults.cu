// Programs with one mistake each that only a sanitizer or protected memory sees. The program dies of it, so
// they run one at a time, and only when asked for by name; scripts/check-faults.mjs runs them all. `correct`
// at the end has the same patterns without the mistake and must pass under every sanitizer.
#if defined(CUDA_EMULATED)

#include "cuda/bf16.h"
#include "cuda/check/kernel_check.h"
#include "cuda/copy_async.h"
#include "cuda/launch.h"
#include "cuda/mma.h"
#include "cuda/reduce.h"
#include "cuda/scratch.h"
#include "cuda/vector.h"

namespace athanor {
namespace {

// ---- address and undefined behaviour ----

__global__ void fixed_overrun_kernel(float* y, int beyond) {
  SHARED(float, first, [4][9]);
  SHARED(float, second, [36]);
  if (threadIdx.x > 0) return;
  first[3][8] = second[0] = 1;
  const float* values = &first[0][0];
  y[0] = values[35 + beyond] + second[0];
}
KERNEL_CHECK(fault, "address: fixed shared array read beyond its end") {
  DeviceArray<float> y(32);
  launch(fixed_overrun_kernel, 1, 32, 0, check.cuda.stream, y.data(), 1);
}

__global__ void dynamic_overrun_kernel() {
  dynamic_shared<float>()[threadIdx.x] = 1;
}
KERNEL_CHECK(fault, "address: dynamic shared memory 4 bytes short") {
  launch(dynamic_overrun_kernel, 1, 32, 31 * sizeof(float), check.cuda.stream);
}

__global__ void copy_kernel(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];
}
KERNEL_CHECK(fault, "address: device memory read beyond its end") {
  DeviceArray<float> x(31), y(32);
  launch(copy_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}
KERNEL_CHECK(fault, "address: device memory written beyond its end") {
  DeviceArray<float> x(32), y(31);
  launch(copy_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}
KERNEL_CHECK(fault, "address: scratch written beyond its end") {
  DeviceArray<float> x(32);
  Scratch<float> y(check.cuda, 31);
  launch(copy_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}
KERNEL_CHECK(fault, "address: device memory used after it was freed") {
  DeviceArray<float> x(32);
  float* y = nullptr;
  cudaMalloc(&y, 32 * sizeof(float));
  cudaFree(y);
  launch(copy_kernel, 1, 32, 0, check.cuda.stream, x.data(), y);
}
KERNEL_CHECK(fault, "address: a copy longer than host memory") {
  DeviceArray<float> x(33);
  std::vector<float> y(32);
  cudaMemcpy(y.data(), x.data(), 33 * sizeof(float), cudaMemcpyDeviceToHost);
}

__global__ void copy_async_overrun_kernel(const float* x, float* y) {
  SHARED(float, tile, [128]);
  copy_async_16(tile + 4 * threadIdx.x, x + 4 * threadIdx.x);
  copy_async_commit();
  copy_async_wait<0>();
  y[threadIdx.x] = tile[4 * threadIdx.x];
}
KERNEL_CHECK(fault, "address: asynchronous copy from beyond the end") {
  DeviceArray<float> x(127), y(32);
  launch(copy_async_overrun_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}

__global__ void ldmatrix_overrun_kernel(uint32_t* y) {
  SHARED(bf16, tile, [31 * 8]);
  for (int i = threadIdx.x; i < 31 * 8; i += warp_size) tile[i] = bf16{0};
  __syncwarp();
  uint32_t r[4];
  ldmatrix_x4(r, tile + 8 * threadIdx.x);
  y[threadIdx.x] = r[0];
}
KERNEL_CHECK(fault, "address: ldmatrix row beyond the array") {
  DeviceArray<uint32_t> y(32);
  launch(ldmatrix_overrun_kernel, 1, 32, 0, check.cuda.stream, y.data());
}

__global__ void vector_kernel(const float* x, float* y) {
  store_vector(y + 4 * threadIdx.x, load_vector<4>(x + 4 * threadIdx.x));
}
KERNEL_CHECK(fault, "undefined: 16-byte load from an address that is not aligned") {
  DeviceArray<float> x(128, 1), y(128);
  launch(vector_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}
KERNEL_CHECK(fault, "undefined: 16-byte store to an address that is not aligned") {
  DeviceArray<float> x(128), y(128, 1);
  launch(vector_kernel, 1, 32, 0, check.cuda.stream, x.data(), y.data());
}

__global__ void index_kernel(int* y, int rows, int width) {
  if (threadIdx.x == 0) y[0] = rows * width / rows;
}
KERNEL_CHECK(fault, "undefined: an index of 32 bits overflows") {
  DeviceArray<int> y(1);
  launch(index_kernel, 1, 32, 0, check.cuda.stream, y.data(), 70000, 70000);
}

// ---- races; each writes what the right program would, in forward order ----

__global__ void block_race_kernel(bool barrier, float* y) {
  SHARED(float, values, [64]);
  const int t = threadIdx.x;
  values[t] = 1;
  if (barrier) __syncthreads();
  y[t] = values[t / 2];
}
KERNEL_CHECK(fault, "thread: shared memory read without a block barrier") {
  DeviceArray<float> y(64);
  launch(block_race_kernel, 1, 64, 0, check.cuda.stream, false, y.data());
}

__global__ void warp_race_kernel(bool barrier, float* y) {
  SHARED(float, values, [32]);
  const int t = threadIdx.x;
  values[t] = 1;
  if (barrier) __syncwarp();
  y[t] = values[t ^ 1];
}
KERNEL_CHECK(fault, "thread: shared memory read without a warp barrier") {
  DeviceArray<float> y(32);
  launch(warp_race_kernel, 1, 32, 0, check.cuda.stream, false, y.data());
}

// The second barrier of each turn keeps a fast warp from overwriting what a slow one still reads: the race
// that a single key would hide.
__global__ void reuse_race_kernel(bool barrier, float* y) {
  SHARED(float, total, [1]);
  const int t = threadIdx.x;
  float sum = 0;
  for (int turn = 0; turn < 4; turn++) {
    if (t == 0) total[0] = static_cast<float>(turn);
    __syncthreads();
    sum += total[0];
    if (barrier) __syncthreads();
  }
  y[t] = sum;
}
KERNEL_CHECK(fault, "thread: shared memory reused without a second barrier") {
  DeviceArray<float> y(64);
  launch(reuse_race_kernel, 1, 64, 0, check.cuda.stream, false, y.data());
}

__global__ void other_warp_kernel(bool barrier, float* y) {
  SHARED(float, values, [64]);
  const int t = threadIdx.x;
  values[t] = 1;
  if (barrier) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  y[t] = values[63 - t];
}
KERNEL_CHECK(fault, "thread: a warp barrier where a block barrier is needed") {
  DeviceArray<float> y(64);
  launch(other_warp_kernel, 1, 64, 0, check.cuda.stream, false, y.data());
}

__global__ void global_race_kernel(bool alone, float* y) {
  if (!alone || threadIdx.x == 0) y[blockIdx.x] = 1;
}
KERNEL_CHECK(fault, "thread: two threads of a block write the same device memory") {
  DeviceArray<float> y(2);
  launch(global_race_kernel, 2, 64, 0, check.cuda.stream, false, y.data());
}

__global__ void copy_race_kernel(bool barrier, const float* x, float* y) {
  SHARED(float, tile, [64]);
  const int t = threadIdx.x;
  copy_async_4(tile + t, x + t);
  copy_async_commit();
  copy_async_wait<0>();
  if (barrier) __syncthreads();
  y[t] = tile[t / 2];
}
KERNEL_CHECK(fault, "thread: another thread's asynchronous copy read without a barrier") {
  DeviceArray<float> x(check.random.floats(64)), y(64);
  launch(copy_race_kernel, 1, 64, 0, check.cuda.stream, false, x.data(), y.data());
}

__global__ void ldmatrix_race_kernel(bool barrier, uint32_t* y) {
  SHARED(bf16, tile, [32 * 8]);
  const int t = threadIdx.x;
  for (int i = 0; i < 8; i++) tile[8 * (t ^ 1) + i] = bf16{1};
  if (barrier) __syncwarp();
  uint32_t r[4];
  ldmatrix_x4(r, tile + 8 * t);
  y[t] = r[0];
}
KERNEL_CHECK(fault, "thread: ldmatrix of rows that other lanes wrote, without a warp barrier") {
  DeviceArray<uint32_t> y(32);
  launch(ldmatrix_race_kernel, 1, 32, 0, check.cuda.stream, false, y.data());
}

// ---- device memory in the host's hands, with CUDA_EMULATION_PROTECT=1 ----

KERNEL_CHECK(fault, "host: device memory read without a copy") {
  DeviceArray<float> x(check.random.floats(32));
  const volatile float* device = x.data();
  check.expect(device[0] != device[1], "the values");
}
KERNEL_CHECK(fault, "host: device memory written without a copy") {
  DeviceArray<float> x(32);
  volatile float* device = x.data();
  device[31] = 1;
  check.expect(x.floats()[31] == 1, "the value");
}

// ---- the same patterns as they should be ----

__global__ void last_block_kernel(unsigned* done, float* parts, float* total) {
  SHARED(bool, last, [1]);
  const float sum = block_sum<64>(1.0f);
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sum;
    __threadfence();
    last[0] = atomicAdd(done, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last[0]) return;
  float all = 0;
  for (unsigned i = 0; i < gridDim.x; i++) all += parts[i];
  if (threadIdx.x == 0) *total = all;
}

KERNEL_CHECK(emulator, "correct kernels are not reported by any sanitizer") {
  DeviceArray<float> x(check.random.floats(128)), y(128), pair(2), parts(5), total(1);
  DeviceArray<uint32_t> words(32);
  DeviceArray<unsigned> done(std::vector<unsigned>{0});
  void* stream = check.cuda.stream;
  launch(fixed_overrun_kernel, 1, 36, 0, stream, y.data(), 0);
  launch(dynamic_overrun_kernel, 2, 32, 32 * sizeof(float), stream);
  launch(copy_kernel, 1, 128, 0, stream, x.data(), y.data());
  launch(copy_async_overrun_kernel, 1, 32, 0, stream, x.data(), y.data());
  launch(vector_kernel, 1, 32, 0, stream, x.data(), y.data());
  launch(block_race_kernel, 3, 64, 0, stream, true, y.data());
  launch(warp_race_kernel, 3, 32, 0, stream, true, y.data());
  launch(reuse_race_kernel, 1, 64, 0, stream, true, y.data());
  launch(other_warp_kernel, 1, 64, 0, stream, true, y.data());
  launch(global_race_kernel, 2, 64, 0, stream, true, pair.data());
  launch(copy_race_kernel, 1, 64, 0, stream, true, x.data(), y.data());
  launch(ldmatrix_race_kernel, 1, 32, 0, stream, true, words.data());
  launch(last_block_kernel, 5, 64, 0, stream, done.data(), parts.data(), total.data());
  check.expect(total.floats()[0] == 5 * 64, "the last block adds all parts");
}

}  // namespace
}  // namespace athanor

#endif
