// Indices where the host needs them: to check a few offsets, or to plan a launch.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "ops/dispatch.h"

namespace athanor {

// The integers on the host for as long as this lives: on the CPU the data itself; on CUDA the host's copy or,
// where there is none, a download, for which the stream is waited for.
class HostIndices {
 public:
  HostIndices(Cpu, Indices indices, int64_t) : data_(indices.data) {}
  HostIndices(Cuda cuda, Indices indices, int64_t count);
  HostIndices(const HostIndices&) = delete;
  HostIndices& operator=(const HostIndices&) = delete;

  const int32_t* data() const { return data_; }

 private:
  std::vector<int32_t> downloaded_;
  const int32_t* data_;
};

}  // namespace athanor
