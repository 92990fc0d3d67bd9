// crf_nll and crf_decode on CUDA against the CPU's. Those are compared with the enumeration of every path in
// tests/ops/crf_nll.test.ts and crf_decode.test.ts.
#include <limits>

#include "cuda/check/kernel_check.h"
#include "cuda/check/segments.h"
#include "ops/crf/crf.h"

namespace athanor {
namespace {

constexpr float forbidden = -std::numeric_limits<float>::infinity();

struct Problem {
  std::vector<int32_t> offsets, labels;
  std::vector<float> emissions, transitions, start, end, dloss;
  int64_t batch, rows, tags, stride;
  Reduction reduction;
  int64_t groups = 0;
};

template <class T>
Problem problem_of(KernelCheck& check, const std::vector<int32_t>& lengths, int64_t tags,
                   Reduction reduction = Reduction::mean, int64_t beside = 0, float scale = 2) {
  Problem p;
  p.offsets = offsets_of(lengths);
  p.batch = static_cast<int64_t>(lengths.size()), p.rows = p.offsets.back(), p.tags = tags;
  p.stride = tags + beside, p.reduction = reduction;
  const auto draw = [&](int64_t count) {
    return rounded_to<T>(check.random.floats(static_cast<size_t>(count), -scale, scale));
  };
  p.emissions = draw(p.rows * p.stride);
  p.transitions = draw(tags * tags);
  p.start = draw(tags), p.end = draw(tags);
  p.labels = check.random.integers(static_cast<size_t>(p.rows), 0, static_cast<int32_t>(tags) - 1);
  p.dloss = check.random.floats(reduction == Reduction::none ? lengths.size() : 1, -2, 2);
  return p;
}

struct Outputs {
  std::vector<float> alpha, losses, loss, demissions, dtransitions, dstart, dend, scores;
  std::vector<int32_t> path;
};

Outputs on_cpu(const Problem& p) {
  const size_t tags = static_cast<size_t>(p.tags), rows = static_cast<size_t>(p.rows),
               batch = static_cast<size_t>(p.batch);
  Outputs o{std::vector<float>(rows * tags), std::vector<float>(batch),       std::vector<float>(1),
            std::vector<float>(rows * tags), std::vector<float>(tags * tags), std::vector<float>(tags),
            std::vector<float>(tags),        std::vector<float>(batch),       std::vector<int32_t>(rows)};
  const CrfScores<float> in{p.emissions.data(),
                            p.stride,
                            {p.offsets.data(), nullptr},
                            p.transitions.data(),
                            p.start.data(),
                            p.end.data(),
                            p.batch,
                            p.rows,
                            p.tags};
  const Indices labels{p.labels.data(), nullptr};
  const bool each = p.reduction == Reduction::none;
  crf_forward(Cpu{}, CrfForward<float>{in, labels, p.reduction, o.alpha.data(), o.losses.data(),
                                       each ? nullptr : o.loss.data()});
  crf_backward(
      Cpu{}, CrfBackward<float>{in, labels, p.reduction, o.alpha.data(), p.dloss.data(), o.demissions.data(),
                                o.dtransitions.data(), o.dstart.data(), o.dend.data()});
  crf_decode(Cpu{}, CrfDecode<float>{in, o.path.data(), o.scores.data()});
  return o;
}

template <class T>
Outputs on_cuda(KernelCheck& check, const Problem& p) {
  const size_t tags = static_cast<size_t>(p.tags), rows = static_cast<size_t>(p.rows),
               batch = static_cast<size_t>(p.batch);
  DeviceArray<int32_t> offsets(p.offsets), labels(p.labels), path(rows);
  DeviceArray<T> emissions(p.emissions), transitions(p.transitions), start(p.start), end(p.end),
      demissions(rows * tags);
  DeviceArray<float> alpha(rows * tags), losses(batch), loss(1), dloss(p.dloss), dtransitions(tags * tags),
      dstart(tags), dend(tags), scores(batch);
  const CrfScores<T> in{emissions.data(),
                        p.stride,
                        {offsets.data(), nullptr},
                        transitions.data(),
                        start.data(),
                        end.data(),
                        p.batch,
                        p.rows,
                        p.tags};
  const Indices at{labels.data(), nullptr};
  const bool each = p.reduction == Reduction::none;
  crf_forward(check.cuda,
              CrfForward<T>{in, at, p.reduction, alpha.data(), losses.data(), each ? nullptr : loss.data()});
  crf_backward(check.cuda, CrfBackward<T>{in, at, p.reduction, alpha.data(), dloss.data(), demissions.data(),
                                          dtransitions.data(), dstart.data(), dend.data(), p.groups});
  crf_decode(check.cuda, CrfDecode<T>{in, path.data(), scores.data()});
  Outputs o{alpha.floats(),      losses.floats(),       {},
            demissions.floats(), dtransitions.floats(), dstart.floats(),
            dend.floats(),       scores.floats(),       path.download()};
  if (!each) o.loss = loss.floats();
  return o;
}

template <class T>
void check_problem(KernelCheck& check, const Problem& p) {
  const Outputs wanted = on_cpu(p), got = on_cuda<T>(check, p);
  // A row's alpha errs by what its own sum costs and hands on less than that of the row before.
  const double row = 2e-6, all = 1e-6 + 1e-7 * static_cast<double>(p.rows);
  check.close("alpha", got.alpha, wanted.alpha, {row, row});
  check.close("losses", got.losses, wanted.losses, {all, 2e-6});
  if (p.reduction != Reduction::none) check.close("loss", got.loss, wanted.loss, {all, 2e-6});
  check.close("demissions", got.demissions, wanted.demissions, {all, 1e-5 + rounding<T>});
  check.close("dtransitions", got.dtransitions, wanted.dtransitions, {2 * all, 1e-5});
  check.close("dstart", got.dstart, wanted.dstart, {2 * all, 1e-5});
  check.close("dend", got.dend, wanted.dend, {2 * all, 1e-5});
  check.same("path", got.path, wanted.path);
  check.close("scores", got.scores, wanted.scores, {1e-6, 1e-6});
}

void check_types(KernelCheck& check, const std::vector<int32_t>& lengths, int64_t tags,
                 Reduction reduction = Reduction::mean, int64_t beside = 0) {
  check_problem<float>(check, problem_of<float>(check, lengths, tags, reduction, beside));
  check_problem<bf16>(check, problem_of<bf16>(check, lengths, tags, reduction, beside));
}

KERNEL_CHECK(crf, "lengths that differ and are none, all reductions") {
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_types(check, {3, 0, 7, 1, 2}, 5, reduction);
  }
}

KERNEL_CHECK(crf, "numbers of tags around a warp") {
  for (int64_t tags : {1, 2, 31, 32, 33, 65}) check_types(check, {4, 1, 3}, tags);
}

KERNEL_CHECK(crf, "more tags than a block has threads") {
  for (int64_t tags : {256, 257}) check_problem<float>(check, problem_of<float>(check, {3, 1}, tags));
}

KERNEL_CHECK(crf, "more sequences than the summing blocks have threads") {
  std::vector<int32_t> lengths;
  for (int32_t b = 0; b < 259; b++) lengths.push_back(b % 3);
  check_types(check, lengths, 3);
}

KERNEL_CHECK(crf, "several sequences to a block") {
  check.expect(crf_groups(5, 1900, 1024) == 2, "five sequences of many tags in two groups");
  check.expect(crf_groups(5, 9, 1024) == 5 && crf_groups(5, 9, 3) == 3, "as many groups as may be");
  for (int64_t groups : {1, 2, 4}) {
    Problem p = problem_of<float>(check, {2, 5, 2, 0, 3}, 6);
    p.groups = groups;
    check_problem<float>(check, p);
  }
}

KERNEL_CHECK(crf, "columns of a wider matrix") {
  check_types(check, {3, 5}, 6, Reduction::sum, 5);
}

KERNEL_CHECK(crf, "a long sequence") {
  check_types(check, {200, 3}, 9);
}

KERNEL_CHECK(crf, "far apart scores") {
  check_problem<float>(check, problem_of<float>(check, {6, 3}, 7, Reduction::sum, 0, 500));
}

KERNEL_CHECK(crf, "equal scores: the smaller tag") {
  for (int round = 0; round < 10; round++) {
    Problem p = problem_of<float>(check, {9, 4, 1, 12}, 4);
    for (std::vector<float>* scores : {&p.emissions, &p.transitions, &p.start, &p.end}) {
      for (float& score : *scores) score = std::floor(score);
    }
    check_problem<float>(check, p);
  }
}

// Labels 0, 1, 2, 0, 1, 2 ...: what is forbidden is not among them.
Problem with_forbidden(KernelCheck& check) {
  Problem p = problem_of<float>(check, {7, 4, 1}, 3);
  for (size_t i = 0; i < p.labels.size(); i++) p.labels[i] = static_cast<int32_t>(i % 3);
  p.transitions[2] = p.transitions[7] = p.transitions[8] = forbidden;
  p.emissions[4] = forbidden, p.labels[1] = 2, p.labels[0] = 1;
  return p;
}

KERNEL_CHECK(crf, "forbidden transitions and tags") {
  check_problem<float>(check, with_forbidden(check));
  Problem first = with_forbidden(check);
  first.start[0] = first.end[2] = forbidden;
  check_problem<float>(check, first);
}

KERNEL_CHECK(crf, "no path is left") {
  Problem p = problem_of<float>(check, {3, 2}, 3, Reduction::none);
  for (float& score : p.transitions) score = forbidden;
  check_problem<float>(check, p);
}

KERNEL_CHECK(crf, "NaN makes the loss of its sequence NaN, also where the labels' path is forbidden") {
  for (bool allowed : {true, false}) {
    Problem p = problem_of<float>(check, {3, 2}, 3, Reduction::none);
    p.emissions[4] = std::nanf(""), p.labels[1] = 0, p.labels[2] = 1;
    if (!allowed) p.transitions[1] = forbidden;
    p.labels[3] = p.labels[4] = 2;
    check.close("losses", on_cuda<float>(check, p).losses, on_cpu(p).losses, {2e-6, 2e-6});
  }
}

KERNEL_CHECK(crf, "nothing: no sequences, no rows") {
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_types(check, {}, 3, reduction);
    check_types(check, {0, 0}, 3, reduction);
  }
}

KERNEL_CHECK(crf, "the same bits again") {
  const Problem p = problem_of<float>(check, {9, 2, 5}, 11);
  const Outputs first = on_cuda<float>(check, p), second = on_cuda<float>(check, p);
  check.same("losses", second.losses, first.losses);
  check.same("demissions", second.demissions, first.demissions);
  check.same("dtransitions", second.dtransitions, first.dtransitions);
}

KERNEL_CHECK(crf, "offsets that are none, tags that do not exist, too many tags") {
  Problem p = problem_of<float>(check, {3, 2}, 4);
  p.labels[3] = 4;
  check.fails("crf_nll: tag 4 outside 0..3", [&] { on_cuda<float>(check, p); });
  p.labels[3] = -1;
  check.fails("crf_nll: tag -1 outside 0..3", [&] { on_cuda<float>(check, p); });
  p.labels[3] = 0, p.offsets[2] = 4;
  check.fails("crf_nll: offsets must end at the number of rows 5, got 4", [&] { on_cuda<float>(check, p); });
  DeviceArray<float> none(0);
  DeviceArray<int32_t> path(0), offsets(std::vector<int32_t>{0}), late(std::vector<int32_t>{1});
  const auto decode = [&](const DeviceArray<int32_t>& at, int64_t tags) {
    const CrfScores<float> in{
        none.data(), tags, {at.data(), nullptr}, none.data(), none.data(), none.data(), 0, 0, tags};
    crf_decode(check.cuda, CrfDecode<float>{in, path.data(), none.data()});
  };
  check.fails("crf_decode: on CUDA there may be at most 2048 tags, got 2049", [&] { decode(offsets, 2049); });
  check.fails("crf_decode: offsets must start at 0, got 1", [&] { decode(late, 3); });
}

}  // namespace
}  // namespace athanor
