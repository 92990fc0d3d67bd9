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

KERNEL_CHECK(attention, "more sequences than a warp has lanes") {
  std::vector<int> rows, keys;
  for (int b = 0; b < 70; b++) rows.push_back(b % 7 == 3 ? 64 : b % 3), keys.push_back(b % 5 + 1);
  AttentionCase c = lengths(rows, keys);
  c.heads = 1, c.size = 16;
  check_both(check, c);
}

KERNEL_CHECK(attention, "no rows at all") {
  check_both(check, lengths({0, 0}));
  check_both(check, lengths({0, 0}, {3, 0}));
  check_both(check, lengths({2}, {0}));
}

KERNEL_CHECK(attention, "scores far apart, and rows that a bias hides entirely") {
  AttentionCase c = lengths({20, 33}, {70, 40});
  c.bias_batch = 2;
  AttentionProblem problem(check.random, c);
  for (float& x : problem.q) x *= 20;
  const int64_t columns = problem.settings.bias_columns;
  for (size_t i = 0; i < problem.bias.size(); i++) {
    const int64_t row = static_cast<int64_t>(i) / columns, column = static_cast<int64_t>(i) % columns;
    if (row % 3 == 0 || column < 35) problem.bias[i] = -INFINITY;
  }
  problem.round_to<bf16>();
  const AttentionResults exact = problem.solve<Exact>();
  const auto run = [&](auto zero, const AttentionResults& plain) {
    const AttentionRun<decltype(zero)> attention{problem, check};
    attention.forward(exact, plain);
    attention.weights(exact, plain);
    attention.backward(exact, plain);
  };
  run(bf16{}, problem.solve<Plain<bf16>>());
  run(0.0f, problem.solve<Plain<float>>());
}

// With scores of 0 and V the unit matrix an output is 0 exactly where its key was dropped.
template <class T>
std::vector<float> dropout_mask(KernelCheck& check, const AttentionProblem& problem) {
  const AttentionRun<T> run{problem, check};
  attention_forward(check.cuda, AttentionForward<T>{run.inputs(), run.o.data(), nullptr});
  std::vector<float> mask;
  for (float x : run.o.floats()) mask.push_back(x == 0 ? 0.0f : 1.0f);
  return mask;
}

KERNEL_CHECK(attention, "the dropout mask is that of the CPU") {
  AttentionCase c = lengths({70, 66}, {64, 37});
  c.p = 0.5f;
  AttentionProblem problem(check.random, c);
  std::fill(problem.q.begin(), problem.q.end(), 0.0f);
  for (size_t i = 0; i < problem.v.size(); i++) {
    const int64_t row = static_cast<int64_t>(i) / problem.width(), key = row < 64 ? row : row - 64;
    problem.v[i] = static_cast<int64_t>(i) % c.size == key ? 1.0f : 0.0f;
  }
  AttentionInputs<float> in{};
  static_cast<AttentionSettings&>(in) = problem.settings;
  in.q = problem.q.data(), in.k = problem.k.data(), in.v = problem.v.data();
  in.q_stride = in.k_stride = in.v_stride = problem.width();
  in.offsets.data = problem.offsets.data(), in.key_offsets.data = problem.key_offsets.data();
  std::vector<float> o(problem.q.size());
  attention_forward(Cpu(), AttentionForward<float>{in, o.data(), nullptr});
  for (float& x : o) x = x == 0 ? 0.0f : 1.0f;
  check.same("bf16", dropout_mask<bf16>(check, problem), o);
  check.same("f32", dropout_mask<float>(check, problem), o);
}

KERNEL_CHECK(attention, "what is not wanted is not written, and twice gives the same bits") {
  AttentionCase c = lengths({40, 3}, {70, 65});
  c.bias_batch = 1, c.buckets = 8, c.p = 0.1f;
  AttentionProblem problem(check.random, c);
  const AttentionRun<bf16> run{problem, check};
  attention_forward(check.cuda, AttentionForward<bf16>{run.inputs(), run.o.data(), run.lse.data()});
  const auto gradients = [&](int only) {
    DeviceArray<bf16> dq(problem.q.size()), dk(problem.k.size()), dv(problem.v.size());
    DeviceArray<float> dbias(problem.bias.size()), dtable(problem.table.size());
    AttentionBackward<bf16> a{};
    a.in = run.inputs();
    a.o = run.o.data(), a.lse = run.lse.data(), a.d_o = run.d_o.data();
    a.d_o_stride = a.dq_stride = a.dk_stride = a.dv_stride = problem.width();
    const auto wanted = [&](int which) { return only < 0 || only == which; };
    if (wanted(0)) a.dq = dq.data();
    if (wanted(1)) a.dk = dk.data();
    if (wanted(2)) a.dv = dv.data();
    if (wanted(3)) a.dbias = dbias.data();
    if (wanted(4)) a.dtable = dtable.data();
    attention_backward(check.cuda, a);
    return std::vector<std::vector<float>>{dq.floats(), dk.floats(), dv.floats(), dbias.floats(),
                                           dtable.floats()};
  };
  const std::vector<std::vector<float>> all = gradients(-1), again = gradients(-1);
  for (size_t i = 0; i < all.size(); i++) check.same("twice", again[i], all[i]);
  for (int only = 0; only < 5; only++) {
    const std::vector<std::vector<float>> some = gradients(only);
    for (size_t i = 0; i < all.size(); i++) {
      const bool wanted = static_cast<int>(i) == only;
      check.same("one alone", some[i], wanted ? all[i] : std::vector<float>(all[i].size(), NAN));
    }
  }
}

KERNEL_CHECK(attention, "a table in bf16, more buckets than one launch carries") {
  for (int64_t buckets : {8, 700}) {
    AttentionCase c = lengths({66}, {40});
    c.buckets = buckets, c.max_distance = buckets + 60, c.heads = 3, c.size = 32;
    AttentionProblem problem(check.random, c);
    problem.table = rounded_to<bf16>(problem.table);
    problem.round_to<bf16>();
    const AttentionRun<bf16> run{problem, check};
    const DeviceArray<bf16> table(problem.table), o(problem.q.size()), dtable(problem.table.size());
    AttentionBackward<bf16> a{};
    a.in = run.inputs();
    a.in.table = table.data(), a.in.table_dtype = DType::bf16;
    attention_forward(check.cuda, AttentionForward<bf16>{a.in, o.data(), run.lse.data()});
    const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<bf16>>();
    compare<bf16>(check, "o", o.floats(), exact.o, plain.o);
    a.o = o.data(), a.lse = run.lse.data(), a.d_o = run.d_o.data(), a.d_o_stride = problem.width();
    a.dtable = dtable.data(), a.dtable_dtype = DType::bf16;
    attention_backward(check.cuda, a);
    compare<bf16>(check, "dtable", dtable.floats(), exact.dtable, plain.dtable);
  }
}

KERNEL_CHECK(attention, "offsets that only the device knows are checked") {
  AttentionProblem problem(check.random, lengths({5, 3}));
  const AttentionRun<float> run{problem, check};
  const DeviceArray<int32_t> bad(std::vector<int32_t>{0, 9, 8});
  AttentionInputs<float> in = run.inputs();
  in.offsets = {bad.data(), nullptr};
  check.fails("offsets must never decrease", [&] {
    attention_forward(check.cuda, AttentionForward<float>{in, run.o.data(), run.lse.data()});
  });
  in = run.inputs();
  in.bias_batch = 1, in.bias_rows = 4, in.bias_columns = 8;
  check.fails("bias must cover", [&] {
    attention_forward(check.cuda, AttentionForward<float>{in, run.o.data(), run.lse.data()});
  });
}

}  // namespace
}  // namespace athanor
