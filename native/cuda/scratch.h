// Device memory for the length of one device function. It is given back to the stream's own cache when the
// host leaves the scope, which may be before the kernels have run: whoever gets the block next is behind them
// on the stream.
#pragma once

#include "core/allocator.h"
#include "ops/dispatch.h"

namespace athanor {

template <class T>
class Scratch {
 public:
  Scratch(const Cuda& cuda, int64_t count)
      : allocator_(*cuda.scratch),
        bytes_(static_cast<size_t>(count) * sizeof(T)),
        data_(static_cast<T*>(allocator_.allocate(bytes_))) {}
  ~Scratch() { allocator_.free(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  Memory& allocator_;
  const size_t bytes_;
  T* const data_;
};

}  // namespace athanor
