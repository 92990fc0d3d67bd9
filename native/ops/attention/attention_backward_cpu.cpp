// Backward. With m the dropout mask scaled by 1 / (1 - p), and P recomputed as exp(S - lse):
//   dV = (P m)^T dO,  dP = (dO V^T) m,  dS = P (dP - delta),  dbias = dS
//   dQ = scale dS K,  dK = scale dS^T Q
// delta_i is sum_j P_ij dP_ij where a tile holds all keys that the row sees. Otherwise it is the sum over d
// of dO_id O_id, equal but for rounding: with it, a row that sees a single key would not get exactly 0.
//
// A job is one (sequence, head) and owns all it writes, so there are no locks and the order of every sum is
// fixed. A bias shared by the sequences makes a job of a whole head, which adds its sequences in batch order.
#include <algorithm>
#include <limits>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "ops/attention/attention_tile.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// Two tiles live at a time: those wider than 256 keys have half the rows.
int64_t tile_rows(int64_t keys) {
  return keys > attention_tile_keys / 2 ? attention_tile_rows / 2 : attention_tile_rows;
}

// Scratch of a job.
struct Buffers {
  float* p;      // (rows, stride): P, then P m
  float* ds;     // (rows, stride): dP, then dS
  float* mask;   // (keys)
  float* ones;   // (keys)
  float* delta;  // (Lq); where a tile does not hold all keys
};

class HeadGradient {
 public:
  HeadGradient(const AttentionBackward& a, const AttentionSequence& sequence, int64_t head, Worker& worker)
      : a_(a),
        in_(a.in),
        seq_(sequence),
        head_(head),
        column_(head * a.in.head_size),
        worker_(worker),
        wants_ds_(a.dq || a.dk || a.dbias) {}

  void run() {
    if (seq_.rows == 0 || seq_.keys == 0) {
      clear(a_.dq, seq_.row, seq_.rows, a_.dq_stride);
      clear(a_.dk, seq_.key, seq_.keys, a_.dk_stride);
      clear(a_.dv, seq_.key, seq_.keys, a_.dv_stride);
      return;
    }
    const int64_t each = attention_key_block(seq_.keys), row_step = tile_rows(each);
    const int64_t stride = attention_tile_stride(each);
    prepare(row_step, each, stride);
    for (int64_t key = 0; key < seq_.keys; key += each) {
      overwrite_ = true;
      if (in_.causal) {  // later rows see more of this block of keys than the first ones overwrite
        const int64_t keys = std::min(each, seq_.keys - key);
        clear(a_.dk, seq_.key + key, keys, a_.dk_stride);
        clear(a_.dv, seq_.key + key, keys, a_.dv_stride);
      }
      for (int64_t row = 0; row < seq_.rows; row += row_step) {
        const int64_t rows = std::min(row_step, seq_.rows - row);
        const int64_t seen = seq_.visible(in_.causal, row + rows - 1) - key;  // by the last row: the most
        if (seen > 0) {
          add_tile({row, rows, key, std::min({each, seq_.keys - key, seen}), stride});
        } else if (key == 0) {
          clear(a_.dq, seq_.row + row, rows, a_.dq_stride);
        }
      }
    }
  }

 private:
  void clear(float* target, int64_t row, int64_t rows, int64_t stride) const {
    if (!target) return;
    for (int64_t i = row; i < row + rows; i++) {
      kernels().fill(target + i * stride + column_, 0.0f, static_cast<size_t>(in_.head_size));
    }
  }

  void prepare(int64_t rows, int64_t keys, int64_t stride) {
    const int64_t tile = rows * stride + 64;
    use_.p = worker_.floats(static_cast<size_t>(2 * tile), 0);
    use_.ds = use_.p + tile;
    use_.mask = worker_.floats(static_cast<size_t>(2 * keys + seq_.rows), 1);
    use_.ones = use_.mask + keys;
    use_.delta = use_.ones + keys;
    if (in_.p > 0.0f) kernels().fill(use_.ones, 1.0f, static_cast<size_t>(keys));
    if (!wants_ds_ || keys == seq_.keys) return;
    const int64_t o_stride = in_.heads * in_.head_size;
    for (int64_t i = 0; i < seq_.rows; i++) {
      const int64_t row = seq_.row + i;
      use_.delta[i] = kernels().dot(a_.d_o + row * a_.d_o_stride + column_, a_.o + row * o_stride + column_,
                                    static_cast<size_t>(in_.head_size));
    }
  }

  void add_tile(const AttentionTile& tile) {
    attention_scores(in_, seq_, head_, tile, use_.p, worker_);
    const float* d_o = a_.d_o + (seq_.row + tile.row) * a_.d_o_stride + column_;  // (rows, D)
    if (wants_ds_) {
      Gemm g = product(tile.rows, tile.keys, in_.head_size);
      g.a = d_o, g.lda = static_cast<size_t>(a_.d_o_stride);
      g.b = in_.v + (seq_.key + tile.key) * in_.v_stride + column_, g.ldb = static_cast<size_t>(in_.v_stride);
      g.b_transposed = true;
      g.c = use_.ds, g.ldc = static_cast<size_t>(tile.stride);
      gemm_serial(g, worker_);
    }
    for (int64_t i = 0; i < tile.rows; i++) finish_row(tile, i);
    if (a_.dv) add_key_gradient(tile, use_.p, d_o, a_.d_o_stride, 1.0f, a_.dv, a_.dv_stride);
    if (a_.dk) {
      const float* q = in_.q + (seq_.row + tile.row) * in_.q_stride + column_;  // (rows, D)
      add_key_gradient(tile, use_.ds, q, in_.q_stride, in_.scale, a_.dk, a_.dk_stride);
    }
    if (a_.dq) add_query_gradient(tile);
    if (a_.dbias) add_bias_gradient(tile);
    overwrite_ = false;
  }

  // Row i of the tile: scores and dP become P m and dS; what the row does not see becomes 0 in both.
  void finish_row(const AttentionTile& tile, int64_t i) {
    const Kernels& k = kernels();
    float* p = use_.p + i * tile.stride;
    float* ds = use_.ds + i * tile.stride;
    const int64_t row = seq_.row + tile.row + i;
    const float lse = a_.lse[head_ * in_.q_rows + row];
    const int64_t visible =
        std::clamp<int64_t>(seq_.visible(in_.causal, tile.row + i) - tile.key, 0, tile.keys);
    const size_t n = lse == -infinity ? 0 : static_cast<size_t>(visible);
    const size_t rest = static_cast<size_t>(tile.keys) - n;
    k.exp_sum(p, p, lse, n);
    k.fill(p + n, 0.0f, rest);
    const bool dropping = in_.p > 0.0f;
    if (dropping) {
      k.dropout(use_.mask, use_.ones, n, in_.p, in_.seed, in_.call,
                attention_element(in_, row, head_, tile.key));
    }
    if (wants_ds_) {
      if (dropping) k.arithmetic(Arithmetic::multiply, ds, ds, use_.mask, n);
      if (tile.key == 0 && seq_.visible(in_.causal, tile.row + i) <= tile.keys) {
        k.softmax_backward(ds, ds, p, n);
      } else {
        k.arithmetic_scalar(Arithmetic::subtract, ds, ds, use_.delta[tile.row + i], n);
        k.arithmetic(Arithmetic::multiply, ds, ds, p, n);
      }
      k.fill(ds + n, 0.0f, rest);
    }
    if (dropping && a_.dv) k.arithmetic(Arithmetic::multiply, p, p, use_.mask, n);
  }

  // target (keys, D) (+)= scale weights^T x: dV and dK.
  void add_key_gradient(const AttentionTile& tile, const float* weights, const float* x, int64_t x_stride,
                        float scale, float* target, int64_t target_stride) {
    Gemm g = product(tile.keys, in_.head_size, tile.rows);
    g.a = weights, g.lda = static_cast<size_t>(tile.stride);
    g.a_transposed = true;
    g.b = x, g.ldb = static_cast<size_t>(x_stride);
    g.c = target + (seq_.key + tile.key) * target_stride + column_,
    g.ldc = static_cast<size_t>(target_stride);
    g.scale = scale;
    g.accumulate = !overwrite_;
    gemm_serial(g, worker_);
  }

  // dQ (rows, D) (+)= scale dS K.
  void add_query_gradient(const AttentionTile& tile) {
    Gemm g = product(tile.rows, in_.head_size, tile.keys);
    g.a = use_.ds, g.lda = static_cast<size_t>(tile.stride);
    g.b = in_.k + (seq_.key + tile.key) * in_.k_stride + column_, g.ldb = static_cast<size_t>(in_.k_stride);
    g.c = a_.dq + (seq_.row + tile.row) * a_.dq_stride + column_, g.ldc = static_cast<size_t>(a_.dq_stride);
    g.scale = in_.scale;
    g.accumulate = tile.key > 0;
    gemm_serial(g, worker_);
  }

  void add_bias_gradient(const AttentionTile& tile) {
    const int64_t plane = (in_.bias_batch == 1 ? 0 : seq_.index) * in_.heads + head_;
    float* target =
        a_.dbias + (plane * in_.bias_rows + tile.row) * in_.bias_columns + tile.key;  // (rows, keys)
    for (int64_t i = 0; i < tile.rows; i++) {
      float* row = target + i * in_.bias_columns;
      kernels().arithmetic(Arithmetic::add, row, row, use_.ds + i * tile.stride,
                           static_cast<size_t>(tile.keys));
    }
  }

  static Gemm product(int64_t m, int64_t n, int64_t k) {
    Gemm g;
    g.m = static_cast<size_t>(m), g.n = static_cast<size_t>(n), g.k = static_cast<size_t>(k);
    return g;
  }

  const AttentionBackward& a_;
  const AttentionInputs& in_;
  const AttentionSequence& seq_;
  const int64_t head_, column_;
  Worker& worker_;
  const bool wants_ds_;
  Buffers use_{};
  bool overwrite_ = true;  // dk and dv of this block of keys: nothing is there yet
};

void clear_bias_gradient(const AttentionBackward& a) {
  const size_t count = static_cast<size_t>(a.in.bias_batch * a.in.heads * a.in.bias_rows * a.in.bias_columns);
  parallel_ranges(count, 65536, [&](size_t begin, size_t end, Worker&) {
    kernels().fill(a.dbias + begin, 0.0f, end - begin);
  });
}

}  // namespace

void attention_backward(Cpu, const AttentionBackward& a) {
  std::vector<AttentionSequence> sequences = attention_sequences(a.in);
  const size_t heads = static_cast<size_t>(a.in.heads);
  if (a.dbias) clear_bias_gradient(a);
  if (a.dbias && a.in.bias_batch == 1) {
    std::sort(sequences.begin(), sequences.end(),
              [](const AttentionSequence& x, const AttentionSequence& y) { return x.index < y.index; });
    parallel_for(heads, [&](size_t head, Worker& worker) {
      for (const AttentionSequence& s : sequences)
        HeadGradient(a, s, static_cast<int64_t>(head), worker).run();
    });
    return;
  }
  parallel_for(sequences.size() * heads, [&](size_t job, Worker& worker) {
    HeadGradient(a, sequences[job / heads], static_cast<int64_t>(job % heads), worker).run();
  });
}

}  // namespace athanor
