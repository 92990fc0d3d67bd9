// Attention and all its gradients against loops in double (attention_run.h). Lengths lie around the tiles:
// blocks of 64 rows, tiles of 16, 32 and 64 of the other side, warps of 16 rows.
#include "cuda/check/attention_run.h"

namespace athanor {
namespace {

void check_both(KernelCheck& check, const AttentionCase& c) {
  check_attention<bf16>(check, c);
  check_attention<float>(check, c);
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

KERNEL_CHECK(attention, "relative bias with blocks beyond the sequences") {
  // Blocks of 64 rows are counted by 120 / 64 + 3: the second sequence has one without rows; its sums are 0.
  AttentionCase c = lengths({40, 40, 40}, {40, 17, 30});
  c.buckets = 40;
  check_both(check, c);
}

KERNEL_CHECK(attention, "more buckets than one launch tells the starts of") {
  AttentionCase c = lengths({2}, {300});
  c.buckets = 600, c.max_distance = 300;  // 300 on each side, of which 256 go with the first launch
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

KERNEL_CHECK(attention, "the dropout mask is that of core/random.h, which is the CPU's") {
  AttentionCase c = lengths({70, 66}, {64, 37});
  c.p = 0.5f;
  AttentionProblem problem(check.random, c);
  std::fill(problem.q.begin(), problem.q.end(), 0.0f);
  for (size_t i = 0; i < problem.v.size(); i++) {
    const int64_t row = static_cast<int64_t>(i) / problem.width(), key = row < 64 ? row : row - 64;
    problem.v[i] = static_cast<int64_t>(i) % c.size == key ? 1.0f : 0.0f;
  }
  std::vector<float> mask;
  for (size_t i = 0; i < problem.q.size(); i++) {
    const int64_t row = static_cast<int64_t>(i) / problem.width(),
                  column = static_cast<int64_t>(i) % problem.width();
    const int64_t head = column / c.size, key = column % c.size;
    const uint64_t element = (static_cast<uint64_t>(row * c.heads + head) << 32) + static_cast<uint64_t>(key);
    const bool kept =
        philox_word(problem.settings.seed, problem.settings.call, element) >= dropout_threshold(c.p);
    mask.push_back(kept && key < c.keys[row < 70 ? 0 : 1] ? 1.0f : 0.0f);
  }
  check.same("bf16", dropout_mask<bf16>(check, problem), mask);
  check.same("f32", dropout_mask<float>(check, problem), mask);
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
