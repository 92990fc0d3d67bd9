// CUDA, host side: what every kernel of this folder is launched with.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "cuda/scratch.h"
#include "cuda/vector.h"
#include "ops/attention/attention_scores.h"

namespace athanor {

// Calls f with the smallest size that kernels are compiled for and that holds the head.
template <class F>
void with_head_size(int64_t head_size, const F& f) {
  if (head_size <= 32) return f(std::integral_constant<int, 32>());
  if (head_size <= 64) return f(std::integral_constant<int, 64>());
  if (head_size <= 96) return f(std::integral_constant<int, 96>());
  f(std::integral_constant<int, 128>());
}

// Of blocks with `block_rows` of so many rows.
template <class T>
dim3 attention_grid(int64_t rows, const AttentionInputs<T>& in, int block_rows = attention_rows) {
  return dim3(static_cast<unsigned>(attention_slots(rows, in.batch, block_rows) * in.heads));
}

// Where the buckets of a side begin, in memory of the device; made by the host's own relative_bucket, so that
// a distance near an edge falls into the same bucket on both devices.
class BucketStarts {
 public:
  template <class T>
  BucketStarts(const Cuda& cuda, const AttentionInputs<T>& in)
      : BucketStarts(cuda, in.table ? in.buckets : 0, in.bidirectional, in.max_distance) {}
  BucketStarts(const Cuda& cuda, int64_t buckets, bool bidirectional, int64_t max_distance);

  int side() const { return side_; }
  const int32_t* data() const { return data_ ? data_->data() : nullptr; }

 private:
  int side_ = 0;
  std::unique_ptr<Scratch<int32_t>> data_;
};

// The operands of kernels; `tensors` with row strides are read or written besides q, k and v.
template <class T>
struct AttentionSetup {
  AttentionSetup(const Cuda& cuda, const AttentionInputs<T>& in,
                 std::initializer_list<std::pair<const T*, int64_t>> tensors)
      : starts(cuda, in), options(in.bias || in.table || dropout_threshold(in.p)) {
    AttentionOperands<T>& a = operands;
    a.q = in.q, a.k = in.k, a.v = in.v;
    a.q_stride = in.q_stride, a.k_stride = in.k_stride, a.v_stride = in.v_stride;
    a.offsets = in.offsets.data, a.key_offsets = in.key_offsets.data;
    a.q_rows = in.q_rows;
    a.batch = static_cast<int>(in.batch), a.heads = static_cast<int>(in.heads);
    a.head_size = static_cast<int>(in.head_size);
    a.causal = in.causal;
    constexpr int each = 16 / static_cast<int>(sizeof(T));
    a.vectors = a.head_size % each == 0 && aligned_for<each>(in.q, in.q_stride) &&
                aligned_for<each>(in.k, in.k_stride) && aligned_for<each>(in.v, in.v_stride);
    for (const auto& [pointer, stride] : tensors) {
      a.vectors = a.vectors && (!pointer || aligned_for<each>(pointer, stride));
    }
    a.scale = in.scale;
    a.bias = in.bias, a.bias_rows = in.bias_rows, a.bias_columns = in.bias_columns;
    a.bias_shared = in.bias_batch == 1;
    a.relative = {in.table,      in.table_dtype, static_cast<int>(in.buckets),
                  starts.side(), starts.data(),  in.bidirectional};
    a.dropout = dropout_threshold(in.p), a.keep_scale = 1.0f / (1.0f - in.p);
    a.seed = in.seed, a.call = in.call;
  }

  const BucketStarts starts;
  AttentionOperands<T> operands{};
  const bool options;  // whether the kernel with biases and dropout is needed
};

}  // namespace athanor
