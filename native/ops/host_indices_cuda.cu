#include "cuda/check.h"
#include "ops/host_indices.h"

namespace athanor {

HostIndices::HostIndices(Cuda cuda, Indices indices, int64_t count) : data_(indices.host) {
  if (data_ || count == 0) return;
  downloaded_.resize(static_cast<size_t>(count));
  data_ = downloaded_.data();
  const cudaStream_t stream = static_cast<cudaStream_t>(cuda.stream);
  check(cudaMemcpyAsync(downloaded_.data(), indices.data, downloaded_.size() * sizeof(int32_t),
                        cudaMemcpyDeviceToHost, stream),
        "reading offsets");
  check(cudaStreamSynchronize(stream), "reading offsets");
}

}  // namespace athanor
