#include "ops/attention/attention_head.h"

#include <algorithm>

#include "cpu/kernels.h"

namespace athanor {

std::vector<AttentionSequence> attention_sequences(const AttentionInputs<float>& in) {
  std::vector<AttentionSequence> sequences;
  sequences.reserve(static_cast<size_t>(in.batch));
  for (int64_t b = 0; b < in.batch; b++) {
    sequences.push_back({b, in.offsets.data[b], in.offsets.data[b + 1] - in.offsets.data[b],
                         in.key_offsets.data[b], in.key_offsets.data[b + 1] - in.key_offsets.data[b]});
  }
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const AttentionSequence& x, const AttentionSequence& y) {
                     return x.rows * x.keys > y.rows * y.keys;
                   });
  return sequences;
}

int64_t attention_key_block(int64_t keys) {
  const int64_t blocks = (keys + attention_block_keys - 1) / attention_block_keys;
  if (blocks <= 1) return keys;
  return ((keys + blocks - 1) / blocks + 15) / 16 * 16;
}

int64_t attention_score_stride(int64_t keys) {
  const int64_t lines = (keys + 15) / 16 * 16;
  return lines % 1024 == 0 ? lines + 16 : lines;
}

AttentionHead::AttentionHead(const AttentionInputs<float>& inputs, const RelativeBias& relative_bias,
                             const AttentionSequence& s, int64_t h)
    : kernels(*athanor::kernels().head),
      in(inputs),
      relative(relative_bias),
      sequence(s),
      head(h),
      size(static_cast<size_t>(inputs.head_size)),
      q(inputs.q + s.row * inputs.q_stride + h * inputs.head_size),
      k(inputs.k + s.key * inputs.k_stride + h * inputs.head_size),
      v(inputs.v + s.key * inputs.v_stride + h * inputs.head_size) {}

int64_t AttentionHead::strips(int64_t rows) const {
  const int64_t most = static_cast<int64_t>(kernels.rows);
  return (rows + most - 1) / most;
}

void AttentionHead::scores(const AttentionTile& tile, const float* packed_keys, float* s,
                           size_t stride) const {
  HeadProduct product{};
  product.rows = static_cast<size_t>(tile.rows), product.columns = padded(tile.keys), product.k = size;
  product.a = q + tile.row * in.q_stride, product.a_row = static_cast<size_t>(in.q_stride);
  product.a_step = 1;
  product.b = packed_keys, product.b_step = kernels.width, product.b_vector = kernels.width * size;
  product.c = s, product.ldc = stride;
  product.scale = in.scale;
  kernels.multiply(product);
  add_bias(tile, s, stride);
}

void AttentionHead::add_bias(const AttentionTile& tile, float* s, size_t stride) const {
  if (!in.bias && !relative.given()) return;
  const int64_t plane = (in.bias_batch == 1 ? 0 : sequence.index) * in.heads + head;
  for (int64_t i = 0; i < tile.rows; i++) {
    float* row = s + static_cast<size_t>(i) * stride;
    const auto add = [&](const float* bias) {
      athanor::kernels().arithmetic(Arithmetic::add, row, row, bias + tile.key,
                                    static_cast<size_t>(tile.keys));
    };
    if (in.bias) add(in.bias + (plane * in.bias_rows + tile.row + i) * in.bias_columns);
    if (relative.given()) add(relative.row(head, tile.row + i, sequence.rows, sequence.keys));
  }
}

ScoreStrip AttentionHead::strip(const AttentionTile& tile, float* s, size_t stride) const {
  ScoreStrip strip{};
  strip.s = s, strip.stride = stride;
  strip.rows = static_cast<size_t>(tile.rows), strip.keys = static_cast<size_t>(tile.keys);
  strip.visible = (in.causal ? tile.row + sequence.keys - sequence.rows + 1 : sequence.keys) - tile.key;
  strip.visible_step = in.causal ? 1 : 0;
  strip.whole = tile.key == 0 && sequence.visible(in.causal, tile.row + tile.rows - 1) <= tile.keys;
  strip.p = in.p, strip.seed = in.seed, strip.call = in.call;
  const uint64_t row = static_cast<uint64_t>((sequence.row + tile.row) * in.heads + head);
  strip.element = (row << 32) + static_cast<uint64_t>(tile.key);
  strip.element_step = static_cast<uint64_t>(in.heads) << 32;
  return strip;
}

}  // namespace athanor
