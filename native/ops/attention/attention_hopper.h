// Attention by wgmma and TMA, for compute capability 9.0. Off until a GPU has verified it:
// ATHANOR_CUDA_ATTENTION=hopper takes it wherever use_hopper_attention() allows; the portable kernels do the
// rest. What forward saves is what the portable kernel saves: each backward works with each forward.
#pragma once

#include "core/random.h"
#include "ops/attention/attention_backward.h"

namespace athanor {

// Heads that fill whole lines of 128 bytes, without biases and dropout, where TMA can read (vectors: rows of
// all tensors are aligned to 16 bytes) and there are rows: a tensor map of nothing does not exist.
inline bool use_hopper_attention(int capability, const AttentionSettings& in, bool vectors) {
  const bool size = in.head_size == 64 || in.head_size == 128;
  const bool plain = in.bias_batch == 0 && in.buckets == 0 && dropout_threshold(in.p) == 0;
  return capability == 90 && size && plain && vectors && in.q_rows > 0 && in.k_rows > 0;
}

// ATHANOR_CUDA_ATTENTION: whose kernels make attention. ERR_ARGUMENT for an unknown name.
bool hopper_attention_wanted();

// `operands` are those of the portable kernel.
void attention_forward_hopper(const Cuda& cuda, const AttentionForward<bf16>& a,
                              const AttentionOperands<bf16>& operands);
// dQ, or dK and dV, as launch_attention_gradient() makes them.
template <Side side>
void attention_gradient_hopper(const Cuda& cuda, const AttentionBackward<bf16>& a,
                               const GradientOperands<bf16>& operands, const GradientResults<bf16>& results);

}  // namespace athanor
