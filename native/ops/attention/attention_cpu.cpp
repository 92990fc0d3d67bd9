// Forward: a job is a block of query rows of one (sequence, head). It goes over the keys in blocks; each
// block's scores lie in scratch, become probabilities relative to the largest score so far, and are
// multiplied with V. A larger score in a later block rescales what was summed before (Milakov and Gimelshein,
// "Online normalizer calculation for softmax", 2018); up to 512 keys there is one block and nothing to
// rescale.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "ops/attention/attention_tile.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct RowBlock {
  AttentionSequence sequence;
  int64_t row, rows;
};

// Blocks depend on the sizes alone. Few blocks are halved, so that small batches keep all threads busy.
std::vector<RowBlock> row_blocks(const AttentionInputs& in) {
  const std::vector<AttentionSequence> sequences = attention_sequences(in);
  int64_t each = attention_tile_rows;
  for (; each > 32; each /= 2) {
    int64_t jobs = 0;
    for (const AttentionSequence& s : sequences) jobs += (s.rows + each - 1) / each * in.heads;
    if (jobs >= 32) break;
  }
  std::vector<RowBlock> blocks;
  for (const AttentionSequence& s : sequences) {
    for (int64_t row = 0; row < s.rows; row += each) {
      blocks.push_back({s, row, std::min(each, s.rows - row)});
    }
  }
  return blocks;
}

// Scores of one row become exp(score - largest) and, with dropout, what is left of it; updates the row's
// largest score and sum. Returns by how much what was summed before has to be scaled.
float soften_row(const AttentionInputs& in, float* s, int64_t seen, int64_t width, uint64_t element,
                 float* largest, float* total) {
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(seen);
  k.fill(s + seen, 0.0f, static_cast<size_t>(width - seen));
  const float block_largest = k.maximum(s, n);
  const float before = *largest;
  const float now = block_largest > before || std::isnan(block_largest) ? block_largest : before;
  if (now == -infinity) {  // nothing seen so far: exp(-inf - -inf) would be NaN
    k.fill(s, 0.0f, n);
    return 1.0f;
  }
  const float rescale = before == now ? 1.0f : std::exp(before - now);
  *largest = now;
  *total = *total * rescale + k.exp_sum(s, s, now, n);
  if (in.p > 0.0f) k.dropout(s, s, n, in.p, in.seed, in.call, element);
  return rescale;
}

void attend(const AttentionForward& a, const RowBlock& block, int64_t head, Worker& worker) {
  const AttentionInputs& in = a.in;
  const AttentionSequence& seq = block.sequence;
  const Kernels& k = kernels();
  const int64_t size = in.head_size, o_stride = in.heads * size;
  const int64_t first_row = seq.row + block.row;
  const int64_t seen = seq.visible(in.causal, block.row + block.rows - 1);  // by the last row: the most
  const int64_t each = attention_key_block(seen), stride = attention_tile_stride(each);
  float* s = worker.floats(static_cast<size_t>(block.rows * stride + 64), 0);  // (rows, stride)
  float* largest = worker.floats(static_cast<size_t>(2 * block.rows), 1);      // (rows)
  float* total = largest + block.rows;                                         // (rows)
  float* o = a.o + first_row * o_stride + head * size;                         // (rows, D)
  std::fill(largest, largest + block.rows, -infinity);
  std::fill(total, total + block.rows, 0.0f);
  for (int64_t key = 0; key < seen; key += each) {
    const AttentionTile tile{block.row, block.rows, key, std::min(each, seen - key), stride};
    attention_scores(in, seq, head, tile, s, worker);
    for (int64_t i = 0; i < block.rows; i++) {
      const int64_t visible = seq.visible(in.causal, block.row + i) - key;
      float rescale = soften_row(in, s + i * stride, std::clamp<int64_t>(visible, 0, tile.keys), tile.keys,
                                 attention_element(in, first_row + i, head, key), largest + i, total + i);
      if (key > 0 && rescale != 1.0f)
        k.scale(o + i * o_stride, rescale, o + i * o_stride, static_cast<size_t>(size));
    }
    Gemm product;
    product.m = static_cast<size_t>(block.rows), product.n = static_cast<size_t>(size);
    product.k = static_cast<size_t>(tile.keys);
    product.a = s, product.lda = static_cast<size_t>(stride);
    product.b = in.v + (seq.key + key) * in.v_stride + head * size,
    product.ldb = static_cast<size_t>(in.v_stride);
    product.c = o, product.ldc = static_cast<size_t>(o_stride);
    product.accumulate = key > 0;
    gemm_serial(product, worker);
  }
  for (int64_t i = 0; i < block.rows; i++) {
    float* row = o + i * o_stride;
    if (total[i] == 0.0f) {
      k.fill(row, 0.0f, static_cast<size_t>(size));
    } else {
      k.scale(row, 1.0f / total[i], row, static_cast<size_t>(size));
    }
    if (a.lse) a.lse[head * in.q_rows + first_row + i] = largest[i] + std::log(total[i]);
  }
}

// One (sequence, head) of the probabilities.
void write_weights(const AttentionWeights& a, const AttentionSequence& seq, int64_t head, float* out,
                   Worker& worker) {
  const AttentionInputs& in = a.in;
  const Kernels& k = kernels();
  for (int64_t row = 0; row < seq.rows; row += attention_tile_rows) {
    const AttentionTile tile{row, std::min(attention_tile_rows, seq.rows - row), 0, seq.keys, seq.keys};
    float* p = out + row * seq.keys;  // (rows, Lk)
    attention_scores(in, seq, head, tile, p, worker);
    for (int64_t i = 0; i < tile.rows; i++) {
      const float lse = a.lse[head * in.q_rows + seq.row + row + i];
      const int64_t seen = lse == -infinity ? 0 : seq.visible(in.causal, row + i);
      k.exp_sum(p + i * seq.keys, p + i * seq.keys, lse, static_cast<size_t>(seen));
      k.fill(p + i * seq.keys + seen, 0.0f, static_cast<size_t>(seq.keys - seen));
    }
  }
}

}  // namespace

std::vector<AttentionSequence> attention_sequences(const AttentionInputs& in) {
  std::vector<AttentionSequence> sequences;
  sequences.reserve(static_cast<size_t>(in.batch));
  for (int64_t b = 0; b < in.batch; b++) {
    sequences.push_back({b, in.offsets[b], in.offsets[b + 1] - in.offsets[b], in.key_offsets[b],
                         in.key_offsets[b + 1] - in.key_offsets[b]});
  }
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const AttentionSequence& x, const AttentionSequence& y) {
                     return x.rows * x.keys > y.rows * y.keys;
                   });
  return sequences;
}

int64_t attention_tile_stride(int64_t keys) {
  const int64_t lines = (keys + 15) / 16 * 16;
  return lines % 1024 == 0 ? lines + 16 : lines;
}

int64_t attention_key_block(int64_t keys) {
  const int64_t blocks = (keys + attention_tile_keys - 1) / attention_tile_keys;
  if (blocks <= 1) return keys;
  return ((keys + blocks - 1) / blocks + 15) / 16 * 16;
}

void attention_scores(const AttentionInputs& in, const AttentionSequence& seq, int64_t head,
                      const AttentionTile& tile, float* s, Worker& worker) {
  const int64_t size = in.head_size;
  Gemm product;
  product.m = static_cast<size_t>(tile.rows), product.n = static_cast<size_t>(tile.keys);
  product.k = static_cast<size_t>(size);
  product.a = in.q + (seq.row + tile.row) * in.q_stride + head * size,
  product.lda = static_cast<size_t>(in.q_stride);
  product.b = in.k + (seq.key + tile.key) * in.k_stride + head * size,
  product.ldb = static_cast<size_t>(in.k_stride);
  product.b_transposed = true;
  product.c = s, product.ldc = static_cast<size_t>(tile.stride);
  product.scale = in.scale;
  gemm_serial(product, worker);
  if (!in.bias) return;
  const int64_t plane = (in.bias_batch == 1 ? 0 : seq.index) * in.heads + head;
  const float* bias =
      in.bias + (plane * in.bias_rows + tile.row) * in.bias_columns + tile.key;  // (rows, keys)
  for (int64_t i = 0; i < tile.rows; i++) {
    float* row = s + i * tile.stride;
    kernels().arithmetic(Arithmetic::add, row, row, bias + i * in.bias_columns,
                         static_cast<size_t>(tile.keys));
  }
}

void attention_forward(Cpu, const AttentionForward& a) {
  check_attention_sequences(a.in, ErrorCode::data);
  const std::vector<RowBlock> blocks = row_blocks(a.in);
  const size_t heads = static_cast<size_t>(a.in.heads);
  parallel_for(blocks.size() * heads, [&](size_t job, Worker& worker) {
    attend(a, blocks[job / heads], static_cast<int64_t>(job % heads), worker);
  });
}

void attention_weights(Cpu, const AttentionWeights& a) {
  // Weights lie in batch order, so the sequences are walked in it.
  std::vector<int64_t> begin(static_cast<size_t>(a.in.batch) + 1, 0);
  std::vector<AttentionSequence> sequences = attention_sequences(a.in);
  std::sort(sequences.begin(), sequences.end(),
            [](const AttentionSequence& x, const AttentionSequence& y) { return x.index < y.index; });
  for (size_t b = 0; b < sequences.size(); b++) {
    begin[b + 1] = begin[b] + a.in.heads * sequences[b].rows * sequences[b].keys;
  }
  const size_t heads = static_cast<size_t>(a.in.heads);
  parallel_for(sequences.size() * heads, [&](size_t job, Worker& worker) {
    const AttentionSequence& s = sequences[job / heads];
    const int64_t head = static_cast<int64_t>(job % heads);
    write_weights(a, s, head, a.weights + begin[job / heads] + head * s.rows * s.keys, worker);
  });
}

}  // namespace athanor
