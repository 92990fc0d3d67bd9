// A weight matrix laid out for the register tiles: panels of columns, each panel with all of k. Made once for
// a weight that does not change; the layout belongs to one instruction set.
//
//   f32    [panel][k][columns of the panel]
//   bf16   [panel][k / 2][columns of the panel][2]: two in a word, as they are widened
//   i8     [panel][k / 4][columns of the panel][4], with a scale for each output
//
// Panels are padded with zeros to whole vectors, k of bf16 and i8 to a multiple of two and four; k of i8 is
// at most 65536, as the sums of more products of 255 and 127 could overflow 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "core/storage.h"
#include "cpu/gemm_split.h"
#include "cpu/kernels.h"

namespace athanor {

// Where a weight lies: (n, k) as torch.nn.Linear keeps it, or (k, n).
struct PlainWeight {
  const void* data;
  DType dtype;  // f32, bf16 or i8
  size_t n, k;
  bool by_output;  // (n, k)
};

class PackedWeight final : public OtherLayout {
 public:
  // Reads `plain` on the pool. The memory is the allocator's. Throws ERR_OUT_OF_MEMORY.
  PackedWeight(const Kernels& kernels, Allocator& allocator, const PlainWeight& plain);
  ~PackedWeight() override;
  PackedWeight(const PackedWeight&) = delete;
  PackedWeight& operator=(const PackedWeight&) = delete;

  size_t bytes() const override { return bytes_; }
  void restore(void* plain) const override;

  // A panel, and its bytes.
  const char* panel(size_t index) const {
    return data_ + padded_k() * panels.begin(index) * width * dtype_size(dtype);
  }
  size_t panel_bytes(size_t index) const {
    return padded_k() * panels.size(index) * width * dtype_size(dtype);
  }
  const int32_t* column_sums(size_t panel) const { return sums_ + panels.begin(panel) * width; }  // of i8
  // How many k lie side by side.
  size_t group() const { return dtype == DType::i8 ? 4 : dtype == DType::bf16 ? 2 : 1; }
  size_t padded_k() const { return detail::divide_up(k, group()) * group(); }

  const Kernels& kernels;
  const DType dtype;
  const size_t n, k;
  const bool by_output;
  const size_t width;          // floats in a vector
  const detail::Split panels;  // of vectors, over panels

 private:
  void pack_panel(const PlainWeight& plain, size_t index);
  template <class T, size_t group>
  void copy_panel(T* plain, size_t index, bool to_plain) const;

  Allocator& allocator_;
  size_t bytes_ = 0;
  char* data_ = nullptr;
  int32_t* sums_ = nullptr;  // inside data_
};

}  // namespace athanor
