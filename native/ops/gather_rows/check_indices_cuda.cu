// The first index that names no row, found on the GPU where the host has no copy of the indices.
#include <algorithm>

#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "ops/gather_rows/gather_rows.h"

namespace athanor {

namespace {

constexpr int threads = 256;
constexpr unsigned most_blocks = 1024;

using Found = unsigned long long;  // position in the upper half, so that the smallest is the first; the index
constexpr Found none = ~Found{0};

// Integers: the order of the atomics does not show in the result.
__global__ void __launch_bounds__(threads)
    check_indices_kernel(const int32_t* index, int64_t count, int64_t rows, Found* first) {
  Found found = none;
  const int64_t step = int64_t{gridDim.x} * threads;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < count && found == none; i += step) {
    const int32_t row = index[i];
    if (row < 0 || row >= rows) found = static_cast<Found>(i) << 32 | static_cast<uint32_t>(row);
  }
  if (found != none) atomicMin(first, found);
}

}  // namespace

void check_indices(Cuda cuda, const IndexCheck& check, Indices index, int64_t count, int64_t rows) {
  if (index.host) return check_indices(Cpu{}, check, {index.host, index.host}, count, rows);
  if (count == 0) return;
  const Scratch<Found> first(cuda, 1);
  const cudaStream_t stream = static_cast<cudaStream_t>(cuda.stream);
  athanor::check(cudaMemsetAsync(first.data(), 0xFF, sizeof(Found), stream), check.op);
  const unsigned blocks = std::min(blocks_for(static_cast<size_t>(count), threads), most_blocks);
  launch(check_indices_kernel, blocks, threads, 0, cuda.stream, index.data, count, rows, first.data());
  Found found = none;
  athanor::check(cudaMemcpyAsync(&found, first.data(), sizeof found, cudaMemcpyDeviceToHost, stream),
                 check.op);
  athanor::check(cudaStreamSynchronize(stream), check.op);
  if (found != none) fail_index(check, static_cast<int32_t>(static_cast<uint32_t>(found)), rows);
}

}  // namespace athanor
