// Forward: a job is a range of query rows of one (sequence, head). It packs keys and values, a block at a
// time, and takes its rows through them in strips of a register tile's height, whose scores stay in L1:
// scores, probabilities relative to the largest score so far, product with V. A larger score in a later block
// rescales what came before (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018); up
// to 512 keys there is one block and nothing to rescale.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "ops/attention/attention_head.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// Packing a block costs about as much as the products of 8 rows with it (AVX-512): so many rows, where there
// are enough jobs, and keys are not packed at all for very few.
constexpr int64_t rows_most = 512;
constexpr int64_t rows_unpacked = 4;

struct RowRange {
  AttentionSequence sequence;
  int64_t row, rows;
};

// Ranges depend on the sizes alone. Few are halved, so that small batches keep all threads busy.
std::vector<RowRange> row_ranges(const AttentionInputs<float>& in) {
  const std::vector<AttentionSequence> sequences = attention_sequences(in);
  int64_t each = rows_most;
  for (; each > 32; each /= 2) {
    int64_t jobs = 0;
    for (const AttentionSequence& s : sequences) jobs += (s.rows + each - 1) / each * in.heads;
    if (jobs >= 32) break;
  }
  std::vector<RowRange> ranges;
  for (const AttentionSequence& s : sequences) {
    for (int64_t row = 0; row < s.rows; row += each) {
      ranges.push_back({s, row, std::min(each, s.rows - row)});
    }
  }
  return ranges;
}

class HeadForward {
 public:
  HeadForward(const AttentionForward<float>& a, const RelativeBias& relative, const RowRange& range,
              int64_t head, Worker& worker)
      : a_(a), range_(range), at_(a.in, relative, range.sequence, head), worker_(worker) {
    o_stride_ = a.in.heads * a.in.head_size;
    o_ = a.o + (range.sequence.row + range.row) * o_stride_ + head * a.in.head_size;
  }

  void run() {
    const int64_t seen = visible(range_.row + range_.rows - 1);  // by the last row: the most
    const int64_t each = attention_key_block(seen);
    prepare(each);
    for (int64_t key = 0; key < seen; key += each) {
      const int64_t keys = std::min(each, seen - key);
      pack(key, keys);
      const int64_t strips = at_.strips(range_.rows);
      for (int64_t i = 0; i < strips; i++) {
        const int64_t begin = i * range_.rows / strips, end = (i + 1) * range_.rows / strips;
        const int64_t strip_keys = std::min(keys, visible(range_.row + end - 1) - key);
        if (strip_keys > 0) {
          attend({range_.row + begin, end - begin, key, strip_keys});
        } else if (key == 0) {
          clear(begin, end);
        }
      }
    }
    if (seen == 0) clear(0, range_.rows);
    if (a_.lse) write_lse();
  }

 private:
  int64_t visible(int64_t row) const { return range_.sequence.visible(a_.in.causal, row); }

  void prepare(int64_t keys) {
    stride_ = static_cast<size_t>(attention_score_stride(keys));
    const size_t width = at_.padded(a_.in.head_size), height = at_.kernels.rows;
    const size_t key_floats = at_.padded(keys) * at_.size, value_floats = static_cast<size_t>(keys) * width;
    packed_keys_ = worker_.floats(key_floats + value_floats + height * stride_, 0);
    packed_values_ = packed_keys_ + key_floats;
    s_ = packed_values_ + value_floats;
    const size_t rows = static_cast<size_t>(range_.rows);
    largest_ = worker_.floats(2 * rows + 2 * height, 1);
    total_ = largest_ + rows;
    row_keep_ = total_ + rows;
    row_scale_ = row_keep_ + height;
    std::fill(largest_, largest_ + rows, -infinity);
    std::fill(total_, total_ + rows, 0.0f);
  }

  void pack(int64_t key, int64_t keys) {
    const AttentionInputs<float>& in = a_.in;
    unpacked_ = range_.rows <= rows_unpacked;
    if (!unpacked_) {
      at_.kernels.pack_transposed(packed_keys_, at_.k + key * in.k_stride, static_cast<size_t>(in.k_stride),
                                  static_cast<size_t>(keys), at_.size);
    }
    values_ = at_.v + key * in.v_stride;
    values_stride_ = static_cast<size_t>(in.v_stride);
    if (unpacked_ && at_.size % at_.kernels.width == 0) return;
    const size_t width = at_.padded(in.head_size);
    at_.kernels.pack(packed_values_, width, values_, values_stride_, static_cast<size_t>(keys), at_.size);
    values_ = packed_values_;
    values_stride_ = width;
  }

  void attend(const AttentionTile& tile) {
    const int64_t row = tile.row - range_.row;
    if (unpacked_) {
      unpacked_scores(tile);
    } else {
      at_.scores(tile, packed_keys_, s_, stride_);
    }
    at_.kernels.soften(at_.strip(tile, s_, stride_), largest_ + row, total_ + row, row_keep_, row_scale_);
    HeadProduct product{};
    product.rows = static_cast<size_t>(tile.rows), product.columns = at_.size;
    product.k = static_cast<size_t>(tile.keys);
    product.a = s_, product.a_row = stride_, product.a_step = 1;
    product.b = values_, product.b_step = values_stride_, product.b_vector = at_.kernels.width;
    product.c = o_ + row * o_stride_, product.ldc = static_cast<size_t>(o_stride_);
    product.row_scale = row_scale_, product.row_keep = row_keep_;
    product.add = tile.key > 0;
    at_.kernels.multiply(product);
    for (int64_t i = 0; i < tile.rows; i++) {  // 0 also where 0 V is NaN
      if (total_[row + i] == 0.0f) clear(row + i, row + i + 1);
    }
  }

  void unpacked_scores(const AttentionTile& tile) {
    const AttentionInputs<float>& in = a_.in;
    Gemm product;
    product.m = static_cast<size_t>(tile.rows), product.n = static_cast<size_t>(tile.keys);
    product.k = at_.size;
    product.a = at_.q + tile.row * in.q_stride, product.lda = static_cast<size_t>(in.q_stride);
    product.b = at_.k + tile.key * in.k_stride, product.ldb = static_cast<size_t>(in.k_stride);
    product.b_transposed = true;
    product.c = s_, product.ldc = stride_;
    product.scale = in.scale;
    gemm_serial(product, worker_);
    at_.add_bias(tile, s_, stride_);
  }

  void clear(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; i++) kernels().fill(o_ + i * o_stride_, 0.0f, at_.size);
  }

  void write_lse() const {
    float* lse = a_.lse + at_.head * a_.in.q_rows + range_.sequence.row + range_.row;
    for (int64_t i = 0; i < range_.rows; i++) lse[i] = largest_[i] + std::log(total_[i]);
  }

  const AttentionForward<float>& a_;
  const RowRange& range_;
  const AttentionHead at_;
  Worker& worker_;
  float* o_;  // (rows, D)
  int64_t o_stride_;
  float* packed_keys_;
  float* packed_values_;
  float* s_;        // (strip rows, stride)
  float* largest_;  // (rows)
  float* total_;    // (rows)
  float* row_keep_;
  float* row_scale_;
  size_t stride_;
  const float* values_;  // (keys, D), packed or not
  size_t values_stride_;
  bool unpacked_;
};

// One (sequence, head) of the probabilities.
void write_weights(const AttentionWeights<float>& a, const AttentionHead& at, float* out, Worker& worker) {
  const AttentionSequence& sequence = at.sequence;
  const int64_t each = attention_key_block(sequence.keys), strips = at.strips(sequence.rows);
  const size_t stride = static_cast<size_t>(attention_score_stride(each));
  float* packed = worker.floats(at.padded(each) * at.size + at.kernels.rows * stride, 0);
  float* s = packed + at.padded(each) * at.size;
  for (int64_t key = 0; key < sequence.keys; key += each) {
    const int64_t keys = std::min(each, sequence.keys - key);
    at.kernels.pack_transposed(packed, at.k + key * a.in.k_stride, static_cast<size_t>(a.in.k_stride),
                               static_cast<size_t>(keys), at.size);
    for (int64_t i = 0; i < strips; i++) {
      const int64_t row = i * sequence.rows / strips, end = (i + 1) * sequence.rows / strips;
      const AttentionTile tile{row, end - row, key, keys};
      at.scores(tile, packed, s, stride);
      ScoreStrip strip = at.strip(tile, s, stride);
      strip.p = 0.0f;
      const float* lse = a.lse + at.head * a.in.q_rows + sequence.row + row;
      at.kernels.differentiate(strip, nullptr, lse, nullptr, nullptr);
      for (int64_t r = 0; r < tile.rows; r++) {
        kernels().function(Function::identity, out + (row + r) * sequence.keys + key,
                           s + static_cast<size_t>(r) * stride, static_cast<size_t>(keys));
      }
    }
  }
}

}  // namespace

void attention_forward(Cpu, const AttentionForward<float>& a) {
  check_attention_sequences(Cpu(), a.in);
  const std::vector<RowRange> ranges = row_ranges(a.in);
  const RelativeBias relative(a.in);
  const size_t heads = static_cast<size_t>(a.in.heads);
  parallel_for(ranges.size() * heads, [&](size_t job, Worker& worker) {
    HeadForward(a, relative, ranges[job / heads], static_cast<int64_t>(job % heads), worker).run();
  });
}

void attention_weights(Cpu, const AttentionWeights<float>& a) {
  // Weights lie in batch order, so the sequences are walked in it.
  std::vector<int64_t> begin(static_cast<size_t>(a.in.batch) + 1, 0);
  std::vector<AttentionSequence> sequences = attention_sequences(a.in);
  std::sort(sequences.begin(), sequences.end(),
            [](const AttentionSequence& x, const AttentionSequence& y) { return x.index < y.index; });
  for (size_t b = 0; b < sequences.size(); b++) {
    begin[b + 1] = begin[b] + a.in.heads * sequences[b].rows * sequences[b].keys;
  }
  const RelativeBias relative(a.in);
  const size_t heads = static_cast<size_t>(a.in.heads);
  parallel_for(sequences.size() * heads, [&](size_t job, Worker& worker) {
    const AttentionSequence& s = sequences[job / heads];
    const int64_t head = static_cast<int64_t>(job % heads);
    float* out = a.weights + begin[job / heads] + head * s.rows * s.keys;
    write_weights(a, AttentionHead(a.in, relative, s, head), out, worker);
  });
}

}  // namespace athanor
