// Large memory for the time of one call, kept for the next: first touching fresh pages costs more than
// packing.
#pragma once

#include <cstddef>

namespace athanor {

// At least `count` floats, 64-byte aligned, taken from a small process-wide store. Several may live at once.
class PackedBuffer {
 public:
  explicit PackedBuffer(size_t count);
  ~PackedBuffer();
  PackedBuffer(const PackedBuffer&) = delete;
  PackedBuffer& operator=(const PackedBuffer&) = delete;

  float* data() const { return data_; }

 private:
  float* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace athanor
