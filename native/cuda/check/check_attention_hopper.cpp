// The kernel of attention_hopper.cu, in the emulator or on a device of capability 9.0: forward, and the
// portable backward from what it saved. Lengths lie around its tiles: blocks of 128 queries, warpgroups of
// 64, tiles of 64 keys, two of which fill the ring.
#include "cuda/check/attention_run.h"
#include "cuda/check/hopper_path.h"
#include "ops/attention/attention_hopper.h"

namespace athanor {
namespace {

constexpr const char* variable = "ATHANOR_CUDA_ATTENTION";

void check_hopper(KernelCheck& check, const AttentionCase& c) {
  const HopperPath path(check, variable);
  check_attention<bf16>(check, c);
}

KERNEL_CHECK(attention_hopper, "taken on capability 9.0, for plain heads of whole lines") {
  AttentionSettings plain{};
  plain.batch = 2, plain.q_rows = 5, plain.k_rows = 7, plain.heads = 3, plain.head_size = 64;
  plain.scale = 0.125f;
  check.expect(use_hopper_attention(90, plain, true), "heads of 64");
  for (int capability : {80, 86, 89, 100, 120}) {
    check.expect(!use_hopper_attention(capability, plain, true), "not 9.0");
  }
  check.expect(!use_hopper_attention(90, plain, false), "rows that 16-byte loads cannot read");
  const auto taken = [&](const auto& change) {
    AttentionSettings changed = plain;
    change(changed);
    return use_hopper_attention(90, changed, true);
  };
  check.expect(taken([](auto& s) { s.head_size = 128; }), "heads of 128");
  check.expect(taken([](auto& s) { s.causal = true; }), "causal");
  for (int64_t size : {8, 32, 56, 72, 96, 120}) {
    check.expect(!taken([&](auto& s) { s.head_size = size; }), "heads of another size");
  }
  check.expect(!taken([](auto& s) { s.p = 0.1f; }), "dropout");
  check.expect(!taken([](auto& s) { s.bias_batch = 1; }), "bias");
  check.expect(!taken([](auto& s) { s.buckets = 32; }), "relative bias");
  check.expect(!taken([](auto& s) { s.q_rows = 0; }), "no queries");
  check.expect(!taken([](auto& s) { s.k_rows = 0; }), "no keys");
}

KERNEL_CHECK(attention_hopper, "the variable knows two names") {
  const auto wanted = [](const char* name) {
    const ScopedVariable scope(variable, name);
    return hopper_attention_wanted();
  };
  for (const char* name : {"", "portable"}) check.expect(!wanted(name), "off");
  check.expect(!wanted(nullptr), "off by default");
  check.expect(wanted("hopper"), "on");
  check.fails("ATHANOR_CUDA_ATTENTION must be portable or hopper, got cublas", [&] { wanted("cublas"); });
}

KERNEL_CHECK(attention_hopper, "sequences around a block of rows") {
  check_hopper(check, lengths({129, 0, 1, 128, 127}));
}

KERNEL_CHECK(attention_hopper, "keys around a tile and more than the ring holds") {
  check_hopper(check, lengths({17, 3, 0, 66, 1, 2}, {31, 0, 5, 64, 330, 65}));
}

KERNEL_CHECK(attention_hopper, "causal") {
  AttentionCase c = lengths({193, 1, 65});
  c.causal = true;
  check_hopper(check, c);
}

KERNEL_CHECK(attention_hopper, "causal, the last queries of longer and of shorter keys") {
  AttentionCase c = lengths({3, 140, 1, 20}, {75, 60, 129, 0});
  c.causal = true;
  check_hopper(check, c);
}

KERNEL_CHECK(attention_hopper, "heads of 128") {
  AttentionCase c = lengths({130, 2, 40}, {66, 17, 260});
  c.size = 128;
  check_hopper(check, c);
  c.causal = true;
  check_hopper(check, c);
}

KERNEL_CHECK(attention_hopper, "rows of a packed projection") {
  AttentionCase c = lengths({35, 70});
  c.padding = 256;
  check_hopper(check, c);
}

KERNEL_CHECK(attention_hopper, "more sequences than a warp has lanes") {
  std::vector<int> rows, keys;
  for (int b = 0; b < 70; b++) rows.push_back(b % 35 == 3 ? 128 : b % 3), keys.push_back(b % 5 + 1);
  AttentionCase c = lengths(rows, keys);
  c.heads = 1;
  check_hopper(check, c);
}

KERNEL_CHECK(attention_hopper, "no rows at all") {
  check_hopper(check, lengths({0, 0}));
  check_hopper(check, lengths({0, 0}, {3, 0}));
  check_hopper(check, lengths({2}, {0}));
  check_hopper(check, lengths({2, 1}, {0, 3}));
}

// TMA brings rows of the next sequence, too: keys without queries, and queries without keys.
KERNEL_CHECK(attention_hopper, "NaN in the rows of other sequences does not matter") {
  for (int64_t size : {64, 128}) {
    AttentionCase c = lengths({70, 0, 20, 33}, {35, 40, 0, 66});
    c.size = size;
    AttentionProblem problem(check.random, c);
    const auto spoil = [&](std::vector<float>& x, int first, int end) {
      std::fill(x.begin() + first * problem.width(), x.begin() + end * problem.width(), NAN);
    };
    spoil(problem.k, 35, 75), spoil(problem.v, 35, 75);
    spoil(problem.q, 70, 90), spoil(problem.d_o, 70, 90);
    problem.round_to<bf16>();
    const HopperPath path(check, variable);
    const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<bf16>>();
    const AttentionRun<bf16> run{problem, check};
    run.forward(exact, plain);
    run.backward(exact, plain);
  }
}

KERNEL_CHECK(attention_hopper, "scores far apart") {
  AttentionProblem problem(check.random, lengths({70, 33}, {140, 40}));
  for (float& x : problem.q) x *= 20;
  problem.round_to<bf16>();
  const HopperPath path(check, variable);
  const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<bf16>>();
  const AttentionRun<bf16> run{problem, check};
  run.forward(exact, plain);
  run.backward(exact, plain);
}

// Each backward works with each forward.
KERNEL_CHECK(attention_hopper, "gradients from what the other path saved") {
  AttentionCase c = lengths({140, 3}, {70, 200});
  c.causal = true;
  AttentionProblem problem(check.random, c);
  problem.round_to<bf16>();
  const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<bf16>>();
  const AttentionRun<bf16> run{problem, check};
  run.forward(exact, plain);
  {
    const HopperPath path(check, variable);
    run.backward(exact, plain);
    run.forward(exact, plain);
  }
  run.backward(exact, plain);
}

KERNEL_CHECK(attention_hopper, "what is not wanted is not written, and twice gives the same bits") {
  AttentionProblem problem(check.random, lengths({140, 3}, {70, 200}));
  const HopperPath path(check, variable);
  const AttentionRun<bf16> run{problem, check};
  const auto forward = [&](float* lse) {
    attention_forward(check.cuda, AttentionForward<bf16>{run.inputs(), run.o.data(), lse});
    return run.o.floats();
  };
  check.same("twice", forward(nullptr), forward(run.lse.data()));
  const auto gradients = [&](bool of_queries, bool of_keys, bool of_values) {
    const DeviceArray<bf16> dq(problem.q.size()), dk(problem.k.size()), dv(problem.v.size());
    AttentionBackward<bf16> a{};
    a.in = run.inputs();
    a.o = run.o.data(), a.lse = run.lse.data(), a.d_o = run.d_o.data();
    a.d_o_stride = a.dq_stride = a.dk_stride = a.dv_stride = problem.width();
    if (of_queries) a.dq = dq.data();
    if (of_keys) a.dk = dk.data();
    if (of_values) a.dv = dv.data();
    attention_backward(check.cuda, a);
    return std::vector<std::vector<float>>{dq.floats(), dk.floats(), dv.floats()};
  };
  const std::vector<std::vector<float>> all = gradients(true, true, true);
  for (int only = 0; only < 3; only++) {
    const std::vector<std::vector<float>> some = gradients(only == 0, only == 1, only == 2);
    for (int i = 0; i < 3; i++) {
      const std::vector<float>& whole = all[static_cast<size_t>(i)];
      check.same("one alone", some[static_cast<size_t>(i)],
                 i == only ? whole : std::vector<float>(whole.size(), NAN));
    }
  }
}

KERNEL_CHECK(attention_hopper, "what it does not do, the portable kernel does") {
  AttentionCase c = lengths({66, 5}, {70, 33});
  const auto with = [&](const auto& change) {
    AttentionCase changed = c;
    change(changed);
    check_hopper(check, changed);
  };
  with([](auto& x) { x.p = 0.3f; });
  with([](auto& x) { x.bias_batch = 1; });
  with([](auto& x) { x.buckets = 8; });
  with([](auto& x) { x.size = 32; });
  with([](auto& x) { x.misaligned = 1; });
  const HopperPath path(check, variable);
  check_attention<float>(check, c);
}

}  // namespace
}  // namespace athanor
