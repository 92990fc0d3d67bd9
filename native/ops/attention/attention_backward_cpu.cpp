// Backward. With m the dropout mask scaled by 1 / (1 - p), and P recomputed as exp(S - lse):
//   dV = (P m)^T dO,  dP = (dO V^T) m,  dS = P (dP - delta),  dbias = dS
//   dQ = scale dS K,  dK = scale dS^T Q
// delta_i is sum_j P_ij dP_ij where a block holds all keys that the row sees. Otherwise it is the sum over d
// of dO_id O_id, equal but for rounding: with it, a row that sees a single key would not get exactly 0.
//
// A job is one (sequence, head) and owns all it writes, so there are no locks and the order of every sum is
// fixed. A bias shared by the sequences makes a job of a whole head, which adds its sequences in batch order.
//
// Rows are taken in blocks against a block of keys, and within them in strips of a register tile's height:
// scores, dP, dS and the strip's dQ while they are in L1. What dV and dK sum over rows is done for the whole
// block, whose P and dS lie in L2: a strip alone would rewrite them for every few rows.
#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "ops/attention/attention_head.h"

namespace athanor {

namespace {

// P and dS of a block take 128 KB each at most.
int64_t block_rows(int64_t keys) {
  return keys > attention_block_keys / 2 ? 64 : 128;
}

// Scratch of a job. Row strides: `stride` of scores, `width` of D rounded up to whole vectors.
struct Buffers {
  float* keys_transposed;    // K^T, packed for the scores
  float* values_transposed;  // V^T, packed for dP
  float* keys;               // (keys, width), for dQ
  float* q;                  // (rows, width), for dK
  float* d_o;                // (rows, width), for dV
  float* p;                  // (rows, stride): P m
  float* ds;                 // (rows, stride): dP, then dS
  float* mask;               // as differentiate() takes it
  float* delta;              // (Lq); where a block does not hold all keys
  float* by_distance;        // (Lq + Lk - 1): dS summed along its diagonals
  size_t stride, width;
};

class HeadGradient {
 public:
  // table_sums: of every (sequence, head, bucket), or null.
  HeadGradient(const AttentionBackward<float>& a, const RelativeBias& relative, double* table_sums,
               const AttentionSequence& sequence, int64_t head, Worker& worker)
      : a_(a),
        in_(a.in),
        at_(a.in, relative, sequence, head),
        seq_(at_.sequence),
        column_(head * a.in.head_size),
        table_sums_(table_sums),
        worker_(worker),
        wants_ds_(a.dq || a.dk || a.dbias || table_sums) {}

  void run() {
    if (seq_.rows == 0 || seq_.keys == 0) {
      clear(a_.dq, seq_.row, seq_.rows, a_.dq_stride);
      clear(a_.dk, seq_.key, seq_.keys, a_.dk_stride);
      clear(a_.dv, seq_.key, seq_.keys, a_.dv_stride);
      return;
    }
    const int64_t each = attention_key_block(seq_.keys), row_step = std::min(block_rows(each), seq_.rows);
    prepare(row_step, each);
    for (int64_t key = 0; key < seq_.keys; key += each) {
      const int64_t keys = std::min(each, seq_.keys - key);
      pack_keys(key, keys);
      overwrite_ = true;
      if (in_.causal) {  // later rows see more of this block of keys than the first ones overwrite
        clear(a_.dk, seq_.key + key, keys, a_.dk_stride);
        clear(a_.dv, seq_.key + key, keys, a_.dv_stride);
        overwrite_ = false;
      }
      for (int64_t row = 0; row < seq_.rows; row += row_step) {
        const int64_t rows = std::min(row_step, seq_.rows - row);
        const int64_t seen = seq_.visible(in_.causal, row + rows - 1) - key;  // by the last row: the most
        if (seen > 0) {
          add_block({row, rows, key, std::min(keys, seen)});
        } else if (key == 0) {
          clear(a_.dq, seq_.row + row, rows, a_.dq_stride);
        }
      }
    }
    if (table_sums_) {
      double* sums = table_sums_ + (seq_.index * in_.heads + at_.head) * in_.buckets;
      at_.relative.add_to_buckets(sums, use_.by_distance, seq_.rows, seq_.keys);
    }
  }

 private:
  void clear(float* target, int64_t row, int64_t rows, int64_t stride) const {
    if (!target) return;
    for (int64_t i = row; i < row + rows; i++) {
      kernels().fill(target + i * stride + column_, 0.0f, at_.size);
    }
  }

  const float* d_o(int64_t row) const { return a_.d_o + (seq_.row + row) * a_.d_o_stride + column_; }

  void prepare(int64_t rows, int64_t keys) {
    Buffers& u = use_;
    u.stride = static_cast<size_t>(attention_score_stride(keys)), u.width = at_.padded(in_.head_size);
    const size_t transposed = at_.padded(keys) * at_.size, plain = static_cast<size_t>(keys) * u.width;
    const size_t height = static_cast<size_t>(rows), block = height * u.stride;
    u.keys_transposed = worker_.floats(2 * transposed + plain + 2 * height * u.width + 2 * block, 0);
    u.values_transposed = u.keys_transposed + transposed;
    u.keys = u.values_transposed + transposed;
    u.q = u.keys + plain;
    u.d_o = u.q + height * u.width;
    u.p = u.d_o + height * u.width;
    u.ds = u.p + block;
    const size_t masks = (most_group_rows + 1) * u.stride;
    const size_t diagonals = table_sums_ ? static_cast<size_t>(seq_.rows + seq_.keys - 1) : 0;
    u.mask = worker_.floats(masks + static_cast<size_t>(seq_.rows) + diagonals, 1);
    u.delta = u.mask + masks;
    u.by_distance = u.delta + seq_.rows;
    kernels().fill(u.by_distance, 0.0f, diagonals);
    if (!wants_ds_ || keys == seq_.keys) return;
    const int64_t o_stride = in_.heads * in_.head_size;
    for (int64_t i = 0; i < seq_.rows; i++) {
      const float* o = a_.o + (seq_.row + i) * o_stride + column_;
      u.delta[i] = kernels().dot(d_o(i), o, at_.size);
    }
  }

  void pack_keys(int64_t key, int64_t keys) const {
    const float* k = at_.k + key * in_.k_stride;
    const float* v = at_.v + key * in_.v_stride;
    const size_t k_stride = static_cast<size_t>(in_.k_stride), v_stride = static_cast<size_t>(in_.v_stride);
    const size_t count = static_cast<size_t>(keys);
    at_.kernels.pack_transposed(use_.keys_transposed, k, k_stride, count, at_.size);
    if (wants_ds_) at_.kernels.pack_transposed(use_.values_transposed, v, v_stride, count, at_.size);
    if (a_.dq) at_.kernels.pack(use_.keys, use_.width, k, k_stride, count, at_.size);
  }

  void add_block(const AttentionTile& block) {
    const int64_t strips = at_.strips(block.rows);
    for (int64_t i = 0; i < strips; i++) {
      const int64_t begin = i * block.rows / strips, end = (i + 1) * block.rows / strips;
      const int64_t row = block.row + begin;
      const int64_t seen = seq_.visible(in_.causal, block.row + end - 1) - block.key;  // by the last row
      const size_t at = static_cast<size_t>(begin) * use_.stride;
      if (seen > 0) {
        const int64_t keys = std::min(block.keys, seen + key_group());
        add_strip({row, end - begin, block.key, keys}, use_.p + at, use_.ds + at);
      } else if (block.key == 0) {
        clear(a_.dq, seq_.row + row, end - begin, a_.dq_stride);
      }
    }
    const size_t width = use_.width, rows = static_cast<size_t>(block.rows);
    if (a_.dv) {
      at_.kernels.pack(use_.d_o, width, d_o(block.row), static_cast<size_t>(a_.d_o_stride), rows, at_.size);
      add_key_gradient(block, use_.p, use_.d_o, 1.0f, a_.dv, a_.dv_stride);
    }
    if (a_.dk) {
      const float* q = at_.q + block.row * in_.q_stride;
      at_.kernels.pack(use_.q, width, q, static_cast<size_t>(in_.q_stride), rows, at_.size);
      add_key_gradient(block, use_.ds, use_.q, in_.scale, a_.dk, a_.dk_stride);
    }
    overwrite_ = false;
  }

  // P m, dS and dQ of a strip.
  void add_strip(const AttentionTile& tile, float* p, float* ds) {
    at_.scores(tile, use_.keys_transposed, p, use_.stride);
    if (wants_ds_) {
      HeadProduct product{};
      product.rows = static_cast<size_t>(tile.rows), product.columns = at_.padded(tile.keys);
      product.k = at_.size;
      product.a = d_o(tile.row), product.a_row = static_cast<size_t>(a_.d_o_stride), product.a_step = 1;
      product.b = use_.values_transposed;
      product.b_step = at_.kernels.width, product.b_vector = at_.kernels.width * at_.size;
      product.c = ds, product.ldc = use_.stride;
      product.scale = 1.0f;
      at_.kernels.multiply(product);
    }
    const float* lse = a_.lse + at_.head * in_.q_rows + seq_.row + tile.row;
    at_.kernels.differentiate(at_.strip(tile, p, use_.stride), wants_ds_ ? ds : nullptr, lse,
                              use_.delta + tile.row, use_.mask);
    if (a_.dq) {
      HeadProduct product{};
      product.rows = static_cast<size_t>(tile.rows), product.columns = at_.size;
      product.a = ds, product.a_row = use_.stride, product.a_step = 1;
      product.k = static_cast<size_t>(tile.keys);
      product.b = use_.keys, product.b_step = use_.width, product.b_vector = at_.kernels.width;
      product.c = a_.dq + (seq_.row + tile.row) * a_.dq_stride + column_;
      product.ldc = static_cast<size_t>(a_.dq_stride);
      product.scale = in_.scale;
      product.add = tile.key > 0;
      at_.kernels.multiply(product);
    }
    if (a_.dbias) add_bias_gradient(tile, ds);
    if (table_sums_) add_by_distance(tile, ds);
  }

  // Causal: dV and dK of so many keys at a time skip the rows that see none of them, whose scores are not
  // there. A strip has scores (zeros) for as many keys beyond those seen, as its rows may start such a group.
  int64_t key_group() const { return static_cast<int64_t>(at_.kernels.rows); }

  // target (keys, D) (+)= scale weights^T x: dV and dK.
  void add_key_gradient(const AttentionTile& block, const float* weights, const float* x, float scale,
                        float* target, int64_t target_stride) const {
    HeadProduct product{};
    product.columns = at_.size;
    product.a_row = 1, product.a_step = use_.stride;
    product.b_step = use_.width, product.b_vector = at_.kernels.width;
    product.ldc = static_cast<size_t>(target_stride);
    product.scale = scale;
    product.add = !overwrite_;
    const int64_t group = in_.causal ? key_group() : block.keys;
    for (int64_t key = 0; key < block.keys; key += group) {
      int64_t first = 0;
      if (in_.causal) {
        first = block.key + key - (seq_.keys - seq_.rows) - block.row;  // row that sees the group's first key
        first = std::clamp<int64_t>(first, 0, block.rows);
      }
      const size_t skipped = static_cast<size_t>(first);
      product.rows = static_cast<size_t>(std::min(group, block.keys - key));
      product.k = static_cast<size_t>(block.rows) - skipped;
      product.a = weights + skipped * use_.stride + key;
      product.b = x + skipped * use_.width;
      product.c = target + (seq_.key + block.key + key) * target_stride + column_;
      at_.kernels.multiply(product);
    }
  }

  void add_bias_gradient(const AttentionTile& tile, const float* ds) const {
    const int64_t plane = (in_.bias_batch == 1 ? 0 : seq_.index) * in_.heads + at_.head;
    float* target =
        a_.dbias + (plane * in_.bias_rows + tile.row) * in_.bias_columns + tile.key;  // (rows, keys)
    for (int64_t i = 0; i < tile.rows; i++) {
      float* row = target + i * in_.bias_columns;
      kernels().arithmetic(Arithmetic::add, row, row, ds + static_cast<size_t>(i) * use_.stride,
                           static_cast<size_t>(tile.keys));
    }
  }

  void add_by_distance(const AttentionTile& tile, const float* ds) const {
    for (int64_t i = 0; i < tile.rows; i++) {
      float* target = use_.by_distance + (seq_.rows - 1 - tile.row - i) + tile.key;
      kernels().arithmetic(Arithmetic::add, target, target, ds + static_cast<size_t>(i) * use_.stride,
                           static_cast<size_t>(tile.keys));
    }
  }

  const AttentionBackward<float>& a_;
  const AttentionInputs<float>& in_;
  const AttentionHead at_;
  const AttentionSequence& seq_;
  const int64_t column_;
  double* const table_sums_;
  Worker& worker_;
  const bool wants_ds_;
  Buffers use_{};
  bool overwrite_ = true;  // dk and dv of this block of keys: nothing is there yet
};

void clear_bias_gradient(const AttentionBackward<float>& a) {
  const size_t count = static_cast<size_t>(a.in.bias_batch * a.in.heads * a.in.bias_rows * a.in.bias_columns);
  parallel_ranges(count, 65536, [&](size_t begin, size_t end, Worker&) {
    kernels().fill(a.dbias + begin, 0.0f, end - begin);
  });
}

}  // namespace

void attention_backward(Cpu, const AttentionBackward<float>& a) {
  std::vector<AttentionSequence> sequences = attention_sequences(a.in);
  const size_t heads = static_cast<size_t>(a.in.heads);
  const RelativeBias relative(a.in);
  std::vector<double> sums(a.dtable ? static_cast<size_t>(a.in.batch * a.in.heads * a.in.buckets) : 0);
  double* table_sums = a.dtable ? sums.data() : nullptr;
  const auto run = [&](const AttentionSequence& sequence, size_t head, Worker& worker) {
    HeadGradient(a, relative, table_sums, sequence, static_cast<int64_t>(head), worker).run();
  };
  if (a.dbias) clear_bias_gradient(a);
  if (a.dbias && a.in.bias_batch == 1) {
    std::sort(sequences.begin(), sequences.end(),
              [](const AttentionSequence& x, const AttentionSequence& y) { return x.index < y.index; });
    parallel_for(heads, [&](size_t head, Worker& worker) {
      for (const AttentionSequence& s : sequences) run(s, head, worker);
    });
  } else {
    parallel_for(sequences.size() * heads,
                 [&](size_t job, Worker& worker) { run(sequences[job / heads], job % heads, worker); });
  }
  if (a.dtable) write_table_gradient(a.in, table_sums, static_cast<float*>(a.dtable));
}

}  // namespace athanor
