// Attention and all its gradients against loops in double. The error allowed is twice (fp32: four times) the
// largest that the same loops make when they round as T does. Lengths lie around the tiles: blocks of 64
// rows, tiles of 16, 32 and 64 of the other side, warps of 16 rows.
#include "cuda/check/attention_problem.h"

namespace athanor {
namespace {

// Rows `stride` apart with NaN between them.
std::vector<float> padded_rows(const std::vector<float>& values, int64_t width, int64_t stride) {
  const size_t rows = width == 0 ? 0 : values.size() / static_cast<size_t>(width);
  std::vector<float> result(rows * static_cast<size_t>(stride), NAN);
  for (size_t i = 0; i < values.size(); i++) {
    const size_t w = static_cast<size_t>(width);
    result[i / w * static_cast<size_t>(stride) + i % w] = values[i];
  }
  return result;
}

// What lies between rows must still be what it was: nothing but NaN.
std::vector<float> unpadded(KernelCheck& check, const std::vector<float>& values, int64_t width,
                            int64_t stride) {
  std::vector<float> result;
  bool untouched = true;
  for (size_t i = 0; i < values.size(); i++) {
    if (static_cast<int64_t>(i) % stride < width) {
      result.push_back(values[i]);
    } else {
      untouched = untouched && std::isnan(values[i]);
    }
  }
  check.expect(untouched, "what lies between the rows is left alone");
  return result;
}

template <class T>
void compare(KernelCheck& check, const std::string& what, const std::vector<float>& got,
             const std::vector<double>& exact, const std::vector<double>& plain) {
  double error = 0, largest = 0;
  for (size_t i = 0; i < exact.size(); i++) {
    if (std::isinf(exact[i])) continue;
    error = std::max(error, std::abs(plain[i] - exact[i]));
    largest = std::max(largest, std::abs(exact[i]));
  }
  const double times = sizeof(T) == 4 ? 4 : 2, unit = sizeof(T) == 4 ? 0x1p-23 : 0x1p-8;
  check.close(what, got, exact, {std::max(times * error, unit * largest) + 1e-7, 0});
}

template <class T>
struct AttentionRun {
  const AttentionProblem& problem;
  KernelCheck& check;
  const int64_t width = problem.width(), stride = width + problem.c.padding;
  const DeviceArray<int32_t> offsets{problem.offsets}, key_offsets{problem.key_offsets};
  const DeviceArray<T> q = rows(problem.q), k = rows(problem.k), v = rows(problem.v), d_o = rows(problem.d_o);
  const DeviceArray<float> bias{problem.bias}, table{problem.table};
  const DeviceArray<T> o{problem.q.size(), problem.c.misaligned};
  const DeviceArray<float> lse{static_cast<size_t>(problem.settings.heads * problem.settings.q_rows)};

  DeviceArray<T> rows(const std::vector<float>& values) const {
    return DeviceArray<T>(padded_rows(values, width, stride), problem.c.misaligned);
  }
  DeviceArray<T> gradient(const std::vector<float>& values) const {
    return rows(std::vector<float>(values.size(), NAN));
  }

  AttentionInputs<T> inputs() const {
    AttentionInputs<T> in{};
    static_cast<AttentionSettings&>(in) = problem.settings;
    in.q = q.data(), in.k = k.data(), in.v = v.data();
    in.q_stride = in.k_stride = in.v_stride = stride;
    in.offsets = {offsets.data(), problem.offsets.data()};
    in.key_offsets = {key_offsets.data(), nullptr};
    in.bias = problem.c.bias_batch ? bias.data() : nullptr;
    in.table = problem.c.buckets ? table.data() : nullptr, in.table_dtype = DType::f32;
    return in;
  }

  void forward(const AttentionResults& exact, const AttentionResults& plain) const {
    attention_forward(check.cuda, AttentionForward<T>{inputs(), o.data(), lse.data()});
    compare<T>(check, "o", o.floats(), exact.o, plain.o);
    compare<T>(check, "lse", lse.floats(), exact.lse, plain.lse);
  }

  void weights(const AttentionResults& exact, const AttentionResults& plain) const {
    const DeviceArray<float> result(exact.weights.size());
    attention_weights(check.cuda, AttentionWeights<T>{inputs(), lse.data(), result.data()});
    compare<T>(check, "weights", result.floats(), exact.weights, plain.weights);
  }

  void backward(const AttentionResults& exact, const AttentionResults& plain) const {
    const DeviceArray<T> dq = gradient(problem.q), dk = gradient(problem.k), dv = gradient(problem.v);
    const DeviceArray<float> dbias(problem.bias.size()), dtable(problem.table.size());
    AttentionBackward<T> a{};
    a.in = inputs();
    a.o = o.data(), a.lse = lse.data();
    a.d_o = d_o.data(), a.d_o_stride = stride;
    a.dq = dq.data(), a.dk = dk.data(), a.dv = dv.data();
    a.dq_stride = a.dk_stride = a.dv_stride = stride;
    a.dbias = a.in.bias ? dbias.data() : nullptr;
    a.dtable = a.in.table ? dtable.data() : nullptr, a.dtable_dtype = DType::f32;
    attention_backward(check.cuda, a);
    compare<T>(check, "dq", unpadded(check, dq.floats(), width, stride), exact.dq, plain.dq);
    compare<T>(check, "dk", unpadded(check, dk.floats(), width, stride), exact.dk, plain.dk);
    compare<T>(check, "dv", unpadded(check, dv.floats(), width, stride), exact.dv, plain.dv);
    compare<T>(check, "dbias", dbias.floats(), exact.dbias, plain.dbias);
    compare<T>(check, "dtable", dtable.floats(), exact.dtable, plain.dtable);
  }
};

template <class T>
void check_attention(KernelCheck& check, const AttentionCase& c) {
  AttentionProblem problem(check.random, c);
  problem.round_to<T>();
  const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<T>>();
  const AttentionRun<T> run{problem, check};
  run.forward(exact, plain);
  run.weights(exact, plain);
  run.backward(exact, plain);
}

void check_both(KernelCheck& check, const AttentionCase& c) {
  check_attention<bf16>(check, c);
  check_attention<float>(check, c);
}

AttentionCase lengths(std::vector<int> rows, std::vector<int> keys = {}) {
  AttentionCase c;
  c.rows = std::move(rows), c.keys = std::move(keys);
  return c;
}

KERNEL_CHECK(attention, "sequences around a block of rows") {
  check_both(check, lengths({65, 0, 1, 64, 63}));
}

KERNEL_CHECK(attention, "cross attention, with sequences that have no keys or no queries") {
  check_both(check, lengths({17, 3, 0, 66, 1}, {31, 0, 5, 33, 130}));
}

KERNEL_CHECK(attention, "causal") {
  AttentionCase c = lengths({65, 1, 33});
  c.causal = true;
  check_both(check, c);
}

KERNEL_CHECK(attention, "causal, the last queries of longer and of shorter keys") {
  AttentionCase c = lengths({3, 70, 1, 20}, {75, 40, 129, 0});
  c.causal = true;
  check_both(check, c);
}

KERNEL_CHECK(attention, "dropout") {
  AttentionCase c = lengths({66, 5}, {70, 33});
  c.p = 0.3f;
  check_both(check, c);
}

KERNEL_CHECK(attention, "bias of each sequence") {
  AttentionCase c = lengths({65, 0, 18}, {34, 7, 66});
  c.bias_batch = 3;
  check_both(check, c);
}

KERNEL_CHECK(attention, "bias shared by the sequences, causal, dropout") {
  AttentionCase c = lengths({20, 65, 3}, {34, 66, 1});
  c.bias_batch = 1, c.causal = true, c.p = 0.1f;
  check_both(check, c);
}

KERNEL_CHECK(attention, "relative bias in both directions") {
  AttentionCase c = lengths({65, 1, 70}, {65, 66, 30});
  c.buckets = 8;
  check_both(check, c);
}

KERNEL_CHECK(attention, "relative bias backwards, causal, dropout, bias") {
  AttentionCase c = lengths({65, 10}, {65, 33});
  c.buckets = 40, c.max_distance = 60, c.bidirectional = false;
  c.causal = true, c.p = 0.2f, c.bias_batch = 1;
  check_both(check, c);
}

KERNEL_CHECK(attention, "heads of every size") {
  for (int64_t size : {8, 16, 32, 40, 72, 96, 104, 128}) {
    AttentionCase c = lengths({35, 2}, {66, 17});
    c.size = size;
    check_both(check, c);
  }
}

KERNEL_CHECK(attention, "rows of a packed projection") {
  AttentionCase c = lengths({35, 17});
  c.size = 32, c.padding = 128;
  check_both(check, c);
}

KERNEL_CHECK(attention, "rows and heads that are not aligned") {
  AttentionCase c = lengths({20, 33});
  c.size = 7, c.padding = 3, c.misaligned = 1;
  check_both(check, c);
  c.size = 64;
  check_both(check, c);
}

}  // namespace
}  // namespace athanor
