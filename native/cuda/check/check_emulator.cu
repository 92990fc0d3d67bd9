// The emulator itself: every class of mistake that it can see without a sanitizer, each in a small kernel, is
// reported with who waits where. What needs a sanitizer is in check_faults.cu. Nothing here runs on a GPU.
#if defined(CUDA_EMULATED)

#include <cmath>
#include <cstring>

#include "cuda/check/kernel_check.h"
#include "cuda/copy_async.h"
#include "cuda/launch.h"
#include "cuda/mma.h"
#include "cuda/reduce.h"

namespace athanor {
namespace {

// The launch fails, the sentence holds all of the mentions, later calls fail until the failure is cleared.
template <class Kernel, class... Arguments>
void expect_fault(KernelCheck& check, const std::vector<std::string>& mentions, Kernel kernel, dim3 grid,
                  dim3 block, Arguments... arguments) {
  for (const std::string& mention : mentions) {
    check.fails(mention, [&] { launch(kernel, grid, block, 0, check.cuda.stream, arguments...); });
    check.expect(cudaDeviceSynchronize() == cudaErrorLaunchFailure, "a failed launch is sticky");
    emulated::clear_failure();
  }
  check.expect(cudaDeviceSynchronize() == cudaSuccess, "cleared");
}

// ---- block barriers ----

__global__ void barrier_without_one_thread_kernel(unsigned out) {
  if (threadIdx.x != out) __syncthreads();
}

KERNEL_CHECK(emulator, "a block barrier that a thread does not reach") {
  expect_fault(
      check,
      {"block barrier reached by 63 of 64 threads", "thread (5, 0, 0) has ended", "check_emulator.cu:"},
      barrier_without_one_thread_kernel, 1, 64, 5u);
  expect_fault(check, {"reached by 63 of 64"}, barrier_without_one_thread_kernel, 1, 64, 63u);
  launch(barrier_without_one_thread_kernel, 2, 64, 0, check.cuda.stream, 64u);
}

__global__ void barrier_at_two_places_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

KERNEL_CHECK(emulator, "block barriers at two places") {
  expect_fault(check, {"two barriers: thread (", "check_emulator.cu:"}, barrier_at_two_places_kernel, 1, 64);
}

__global__ void barrier_in_last_block_kernel() {
  if (blockIdx.x != 2 || threadIdx.x != 7) __syncthreads();
}

KERNEL_CHECK(emulator, "the block is named") {
  expect_fault(check, {"block (2, 0, 0)"}, barrier_in_last_block_kernel, 3, 32);
}

__global__ void count_kernel(int* counts) {
  const int t = threadIdx.x;
  for (int i = 0; i < 5; i++) {
    const int count = __syncthreads_count(t >= i), any = __syncthreads_or(t == 40 + i),
              all = __syncthreads_and(t >= i);
    if (t == 0) counts[i] = count * 10000 + any * 100 + all;
  }
}

KERNEL_CHECK(emulator, "barriers that count") {
  DeviceArray<int> counts(5);
  launch(count_kernel, 1, 44, 0, check.cuda.stream, counts.data());
  check.same("counts", counts.download(), std::vector<int>{440101, 430100, 420100, 410100, 400000});
}

// ---- warp operations ----

__global__ void shuffle_by_some_kernel(float* y, unsigned from) {
  if (threadIdx.x >= from) y[threadIdx.x] = __shfl_xor_sync(full_mask, 1.0f, 1);
}

KERNEL_CHECK(emulator, "a warp operation that a lane does not reach") {
  DeviceArray<float> y(64);
  expect_fault(check, {"mask ffffffff lacks a lane", "has ended", "check_emulator.cu:"},
               shuffle_by_some_kernel, 1, 64, y.data(), 1u);
}

__global__ void shuffle_against_barrier_kernel(float* y) {
  if (threadIdx.x % 32 == 3) {
    __syncthreads();
  } else {
    y[threadIdx.x] = __shfl_xor_sync(full_mask, 1.0f, 1);
  }
}

KERNEL_CHECK(emulator, "a lane in a block barrier while its warp is in a warp operation") {
  DeviceArray<float> y(64);
  expect_fault(check, {"lacks a lane: thread (3, 0, 0) waits in a block barrier"},
               shuffle_against_barrier_kernel, 1, 64, y.data());
}

__global__ void two_operations_kernel(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = t < 16 ? static_cast<int>(__ballot_sync(full_mask, 1)) : __shfl_sync(full_mask, 1, 0);
}

__global__ void two_places_kernel(int* y) {
  const unsigned t = threadIdx.x;
  if (t < 16) {
    y[t] = __shfl_sync(full_mask, 1, 0);
  } else {
    y[t] = __shfl_sync(full_mask, 2, 0);
  }
}

__global__ void two_masks_kernel(int* y) {
  const unsigned t = threadIdx.x;
  y[t] = __shfl_sync(t < 2 ? 3u : full_mask, 1, 0);
}

KERNEL_CHECK(emulator, "mixed warp operations") {
  DeviceArray<int> y(32);
  expect_fault(check, {"different warp operations"}, two_operations_kernel, 1, 32, y.data());
  expect_fault(check, {"different warp operations"}, two_places_kernel, 1, 32, y.data());
  expect_fault(check, {"lacks a lane"}, two_masks_kernel, 1, 32, y.data());
}

__global__ void outside_mask_kernel(int* y, unsigned mask, int source) {
  y[threadIdx.x] = __shfl_sync(mask, static_cast<int>(threadIdx.x), source);
}

KERNEL_CHECK(emulator, "lanes outside the mask") {
  DeviceArray<int> y(32);
  expect_fault(check, {"outside its mask 0000ffff"}, outside_mask_kernel, 1, 32, y.data(), 0xFFFFu, 0);
  expect_fault(check, {"reads lane 20, which is not in the mask"}, outside_mask_kernel, 1, 16, y.data(),
               0xFFFFu, 20);
}

__global__ void part_of_a_warp_kernel(unsigned* y) {
  const int t = threadIdx.x;
  const unsigned mask = t < 16 ? 0xFFFFu : 0xFFFF0000u;
  int sum = t;
  for (int i = 0; i < 3; i++) {
    for (int offset = 8; offset > 0; offset /= 2) sum += __shfl_xor_sync(mask, sum, offset);
    if (t >= 16) sum += __shfl_sync(mask, sum, 16 + i);
  }
  const unsigned votes = __ballot_sync(full_mask, t % 3 == 0);
  y[t] = static_cast<unsigned>(sum + __reduce_max_sync(full_mask, t) + __any_sync(mask, t == 31) +
                               __all_sync(mask, t < 16)) +
         (votes & 1u) + __match_any_sync(full_mask, t / 31);
}

KERNEL_CHECK(emulator, "operations of half a warp") {
  std::vector<unsigned> wanted(32), sum(32);
  for (unsigned t = 0; t < 32; t++) sum[t] = t;
  for (int i = 0; i < 3; i++) {
    unsigned low = 0, high = 0;
    for (int t = 0; t < 16; t++) low += sum[t], high += sum[t + 16];
    for (int t = 0; t < 16; t++) sum[t] = low, sum[t + 16] = 2 * high;
  }
  for (int t = 0; t < 32; t++) {
    wanted[t] = sum[t] + 31 + (t >= 16) + (t < 16) + 1 + (t < 31 ? 0x7FFFFFFFu : 0x80000000u);
  }
  DeviceArray<unsigned> y(32);
  launch(part_of_a_warp_kernel, 1, 32, 0, check.cuda.stream, y.data());
  check.same("y", y.download(), wanted);
}

__global__ void shuffles_kernel(double* y) {
  const int t = threadIdx.x;
  const double x = t;
  double* row = y + 6 * t;
  row[0] = __shfl_sync(full_mask, x, t + 5);
  row[1] = __shfl_up_sync(full_mask, x, 3);
  row[2] = __shfl_down_sync(full_mask, x, 3);
  row[3] = __shfl_sync(full_mask, x, 9, 8);
  row[4] = __shfl_up_sync(full_mask, x, 2, 16);
  row[5] = __shfl_down_sync(full_mask, x, 2, 16);
}

KERNEL_CHECK(emulator, "shuffles and their segments") {
  std::vector<double> wanted;
  for (int t = 0; t < 32; t++) {
    for (int value : {(t + 5) % 32, t < 3 ? t : t - 3, t > 28 ? t : t + 3, t / 8 * 8 + 1,
                      t % 16 < 2 ? t : t - 2, t % 16 > 13 ? t : t + 2}) {
      wanted.push_back(value);
    }
  }
  DeviceArray<double> y(wanted.size());
  launch(shuffles_kernel, 1, 32, 0, check.cuda.stream, y.data());
  std::vector<double> got = y.download();
  check.close("y", got, wanted, {});
}

// ---- asynchronous copies ----

enum class CopyMistake { none, never_waited, waited_too_few, destination, source, not_shared };

__global__ void copies_kernel(CopyMistake mistake, const float* x, float* y) {
  SHARED(float, tile, [2][32 * 4]);
  const int t = threadIdx.x;
  copy_async_16(mistake == CopyMistake::not_shared ? y + 4 * t : &tile[0][4 * t], x + 4 * t);
  copy_async_commit();
  copy_async_16(&tile[1][4 * t + (mistake == CopyMistake::destination)],
                x + 4 * t + (mistake == CopyMistake::source));
  copy_async_commit();
  if (mistake == CopyMistake::waited_too_few) copy_async_wait<1>();
  if (mistake == CopyMistake::none) copy_async_wait<0>();
  __syncthreads();
  y[t] = tile[0][t] + tile[1][t];
}

KERNEL_CHECK(emulator, "asynchronous copies") {
  DeviceArray<float> x(check.random.floats(33 * 4)), y(33 * 4);
  const auto run = [&](CopyMistake mistake, const char* mention) {
    expect_fault(check, {mention}, copies_kernel, 1, 32, mistake, static_cast<const float*>(x.data()),
                 y.data());
  };
  run(CopyMistake::never_waited, "ends before its asynchronous copy");
  run(CopyMistake::waited_too_few, "ends before its asynchronous copy");
  run(CopyMistake::destination, "to an address that is not a multiple of 16");
  run(CopyMistake::source, "from an address that is not a multiple of 16");
  run(CopyMistake::not_shared, "not shared");
  launch(copies_kernel, 1, 32, 0, check.cuda.stream, CopyMistake::none, x.data(), y.data());
  check.expect(y.floats()[0] == 2 * x.floats()[0], "without a mistake it runs");
}

// Too early a read gives NaN while copies arrive late, too early a reuse the new values while they arrive at
// once.
__global__ void early_kernel(const float* x, float* before_wait, float* after_reuse) {
  SHARED(float, tile, [32]);
  const int t = threadIdx.x;
  copy_async_4(tile + t, x + t);
  copy_async_commit();
  before_wait[t] = tile[t];
  copy_async_wait<0>();
  __syncwarp();
  copy_async_4(tile + t, x + 32 + t);
  copy_async_commit();
  after_reuse[t] = tile[t];
  copy_async_wait<0>();
}

KERNEL_CHECK(emulator, "even seeds copy at the wait, odd ones at once") {
  DeviceArray<float> x(check.random.floats(64)), early(32), late(32);
  launch(early_kernel, 1, 32, 0, check.cuda.stream, x.data(), early.data(), late.data());
  const bool at_once = emulated::seed() % 2 == 1;
  check.expect(std::isnan(early.floats()[9]) != at_once, "a read before the wait");
  check.expect(late.floats()[9] == x.floats()[at_once ? 41 : 9], "a read of memory being overwritten");
}

// ---- shared memory ----

__global__ void unset_kernel(float* y) {
  SHARED(float, fixed, [32]);
  float* dynamic = dynamic_shared<float>();
  const int t = threadIdx.x;
  y[2 * (32 * blockIdx.x + t)] = fixed[t];
  y[2 * (32 * blockIdx.x + t) + 1] = dynamic[t];
  fixed[t] = dynamic[t] = 1;
}

KERNEL_CHECK(emulator, "unset memory is NaN in every block") {
  DeviceArray<float> y(2 * 32 * 3), unset(3);
  launch(unset_kernel, 3, 32, 32 * sizeof(float), check.cuda.stream, y.data());
  for (float value : y.floats()) check.expect(std::isnan(value), "shared memory is unset");
  for (float value : unset.floats()) check.expect(std::isnan(value), "device memory is unset");
}

template <int bytes>
__global__ void large_array_kernel(char* y) {
  SHARED(char, first, [1024]);
  SHARED(char, second, [bytes - 1024]);
  first[threadIdx.x] = second[threadIdx.x] = 1;
  y[threadIdx.x] = first[threadIdx.x];
}

KERNEL_CHECK(emulator, "fixed arrays of more than 48 KiB") {
  DeviceArray<char> y(32);
  launch(large_array_kernel<48 * 1024>, 1, 32, 0, check.cuda.stream, y.data());
  expect_fault(check, {"49153 bytes of fixed arrays"}, large_array_kernel<48 * 1024 + 1>, 1, 32, y.data());
}

// ---- order ----

__global__ void order_kernel(int* next, int* turns) {
  turns[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(next, 1);
}

KERNEL_CHECK(emulator, "seeds are orders of blocks, warps and lanes") {
  const uint64_t seed = emulated::seed();
  DeviceArray<int> next(std::vector<int>{0}), turns(2 * 64);
  launch(order_kernel, 2, 64, 0, check.cuda.stream, next.data(), turns.data());
  const std::vector<int> got = turns.download();
  const bool forward = got[0] == 0 && got[127] == 127, backward = got[0] == 127 && got[127] == 0;
  check.expect(forward == (seed == 0) && backward == (seed == 1), "the order is that of the seed");
  DeviceArray<int> again(std::vector<int>{0});
  launch(order_kernel, 2, 64, 0, check.cuda.stream, again.data(), turns.data());
  check.same("the same seed twice", turns.download(), got);
}

// Half of the threads read before the others have written. The race detector would end the program.
#if !defined(__SANITIZE_THREAD__)
__global__ void no_barrier_kernel(float* y) {
  SHARED(float, values, [64]);
  const int t = threadIdx.x;
  values[t] = static_cast<float>(t);
  y[t] = values[63 - t];
}

KERNEL_CHECK(emulator, "a missing barrier shows as NaN in some threads") {
  DeviceArray<float> y(64);
  launch(no_barrier_kernel, 1, 64, 0, check.cuda.stream, y.data());
  int missing = 0;
  for (float value : y.floats()) missing += std::isnan(value);
  check.expect(missing == 32, "half of the threads came too early");
}
#endif

// ---- launches and the runtime ----

__global__ void nothing_kernel() {}
__global__ void never_raised_kernel() {}

KERNEL_CHECK(emulator, "launches that no GPU accepts") {
  const auto refused = [&](dim3 grid, dim3 block, size_t shared_bytes, const char* mention) {
    check.fails(mention, [&] { launch(nothing_kernel, grid, block, shared_bytes, check.cuda.stream); });
    check.expect(cudaDeviceSynchronize() == cudaSuccess, "a refused launch is not sticky");
  };
  refused(dim3(0), 32, 0, "no threads");
  refused(1, 0, 0, "no threads");
  refused(dim3(1, 65536), 32, 0, "grid too large");
  refused(dim3(1, 1, 65536), 32, 0, "grid too large");
  refused(1, 1025, 0, "more than 1024 threads");
  refused(1, dim3(32, 1, 65), 0, "more than 1024 threads");
  refused(1, dim3(64, 32), 0, "more than 1024 threads");
  refused(1, 32, 99 * 1024 + 1, "cudaErrorInvalidValue");
  void* none[] = {nullptr};
  check.expect(
      cudaLaunchKernel(never_raised_kernel, 1, 32, none, 50000, nullptr) == cudaErrorInvalidConfiguration,
      "shared memory above 48 KiB must be asked for");
  launch(nothing_kernel, dim3(70000, 1), 1, 99 * 1024, check.cuda.stream);
}

KERNEL_CHECK(emulator, "memory, copies and events") {
  size_t free_before = 0, free_between = 0, total = 0;
  check.expect(cudaMemGetInfo(&free_before, &total) == cudaSuccess && free_before <= total,
               "memory is counted");
  void* large = nullptr;
  check.expect(cudaMalloc(&large, total + 1) == cudaErrorMemoryAllocation && !large,
               "more than all memory is refused");
  check.expect(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess,
               "and forgotten");
  DeviceArray<int> y(6);
  cudaMemGetInfo(&free_between, &total);
  check.expect(free_before - free_between == 6 * sizeof(int), "six integers are in use");
  const std::vector<int> rows = {1, 2, 9, 3, 4, 9};
  check.expect(cudaMemcpy2D(y.data(), 2 * sizeof(int), rows.data(), 3 * sizeof(int), 2 * sizeof(int), 2,
                            cudaMemcpyHostToDevice) == cudaSuccess,
               "rows are copied");
  std::vector<int> got = y.download();
  got.resize(4);
  check.same("rows", got, {1, 2, 3, 4});
  check.expect(cudaFree(got.data()) == cudaErrorInvalidValue, "only device memory can be freed");
  const auto copy = [&](void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpy(to, from, bytes, kind) == cudaErrorInvalidValue;
  };
  check.expect(copy(got.data(), y.data(), 4, cudaMemcpyHostToDevice), "the wrong way round");
  check.expect(copy(y.data() + 5, got.data(), 8, cudaMemcpyHostToDevice), "beyond the end");
  check.expect(copy(got.data(), y.data(), 28, cudaMemcpyDeviceToHost), "more than there is");
  check.expect(cudaMemset(got.data(), 0, 4) == cudaErrorInvalidValue, "not device memory");
  cudaEvent_t begin = nullptr, end = nullptr;
  float milliseconds = -1;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  check.expect(cudaEventElapsedTime(&milliseconds, begin, end) == cudaErrorInvalidResourceHandle,
               "not recorded yet");
  cudaEventRecord(begin);
  cudaEventRecord(end);
  check.expect(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess && milliseconds >= 0, "a time");
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  emulated::clear_failure();
}

}  // namespace
}  // namespace athanor

#endif
