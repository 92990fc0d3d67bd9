// process_logits on CUDA against the CPU's: the same tokens are forbidden, and the others have the same bits,
// but for a log-softmax.
#include <algorithm>

#include "cuda/check/kernel_check.h"
#include "ops/process_logits/process_logits.h"

namespace athanor {
namespace {

// Lists of tokens on both sides.
struct Lists {
  std::vector<int32_t> ids, offsets;

  Lists() = default;
  explicit Lists(const std::vector<std::vector<int32_t>>& lists) : offsets{0} {
    for (const std::vector<int32_t>& list : lists) {
      ids.insert(ids.end(), list.begin(), list.end());
      offsets.push_back(static_cast<int32_t>(ids.size()));
    }
  }
  TokenLists at(const int32_t* ids_at, const int32_t* offsets_at) const {
    if (offsets.empty()) return {};
    const int64_t lists = static_cast<int64_t>(offsets.size()) - 1;
    return {{ids_at, nullptr}, {offsets_at, nullptr}, lists, static_cast<int64_t>(ids.size())};
  }
};

struct Problem {
  LogitsSettings settings{};
  std::vector<float> logits;
  int64_t apart = 0;
  size_t offset = 0;
  std::vector<int32_t> history, lengths, forced, suppressed;
  Lists bad_words, banned, allowed;
};

Problem problem(KernelCheck& check, int64_t rows, int64_t width, float spread = 2.0f) {
  Problem p;
  LogitsSettings& s = p.settings;
  s.rows = rows, s.width = width;
  s.penalty = 1.0f, s.temperature = 1.0f;
  s.top_p = s.typical_p = 1.0, s.keep = 1;
  p.logits = check.random.normals(static_cast<size_t>(rows * width));
  for (float& x : p.logits) x *= spread;
  return p;
}

void add_history(KernelCheck& check, Problem& p, int64_t columns, std::vector<int32_t> lengths,
                 int32_t kinds) {
  p.settings.columns = columns;
  p.history = check.random.integers(static_cast<size_t>(p.settings.rows * columns), 0, kinds - 1);
  p.lengths = std::move(lengths);
}

ProcessLogits arguments_of(const Problem& p) {
  ProcessLogits a{};
  static_cast<LogitsSettings&>(a) = p.settings;
  a.stride = p.settings.width + p.apart;
  a.suppressed_count = static_cast<int64_t>(p.suppressed.size());
  return a;
}

const int32_t* given(const std::vector<int32_t>& v) {
  return v.empty() ? nullptr : v.data();
}
const int32_t* given(const DeviceArray<int32_t>& v) {
  return v.size() == 0 ? nullptr : v.data();
}

// With rows `apart` elements apart.
std::vector<float> spaced(const Problem& p) {
  const size_t width = static_cast<size_t>(p.settings.width), stride = width + static_cast<size_t>(p.apart);
  std::vector<float> x(static_cast<size_t>(p.settings.rows) * stride, 7.0f);
  for (size_t r = 0; r < static_cast<size_t>(p.settings.rows); r++) {
    std::copy_n(p.logits.begin() + static_cast<ptrdiff_t>(r * width), width,
                x.begin() + static_cast<ptrdiff_t>(r * stride));
  }
  return x;
}

void compare(KernelCheck& check, const Problem& p, const std::string& what = "logits") {
  std::vector<float> wanted = spaced(p);
  ProcessLogits cpu = arguments_of(p);
  cpu.logits = wanted.data();
  cpu.history = {given(p.history), nullptr}, cpu.history_lengths = {given(p.lengths), nullptr};
  cpu.bad_words = p.bad_words.at(p.bad_words.ids.data(), p.bad_words.offsets.data());
  cpu.banned = p.banned.at(p.banned.ids.data(), p.banned.offsets.data());
  cpu.allowed = p.allowed.at(p.allowed.ids.data(), p.allowed.offsets.data());
  cpu.forced = {given(p.forced), nullptr}, cpu.suppressed = {given(p.suppressed), nullptr};
  DeviceArray<float> logits(wanted, p.offset);
  process_logits(Cpu{}, cpu);

  DeviceArray<int32_t> history(p.history), lengths(p.lengths), forced(p.forced), suppressed(p.suppressed);
  DeviceArray<int32_t> bad(p.bad_words.ids), bad_offsets(p.bad_words.offsets);
  DeviceArray<int32_t> banned(p.banned.ids), banned_offsets(p.banned.offsets);
  DeviceArray<int32_t> allowed(p.allowed.ids), allowed_offsets(p.allowed.offsets);
  ProcessLogits cuda = arguments_of(p);
  cuda.logits = logits.data();
  cuda.history = {given(history), nullptr}, cuda.history_lengths = {given(lengths), nullptr};
  cuda.bad_words = p.bad_words.at(bad.data(), bad_offsets.data());
  cuda.banned = p.banned.at(banned.data(), banned_offsets.data());
  cuda.allowed = p.allowed.at(allowed.data(), allowed_offsets.data());
  cuda.forced = {given(forced), nullptr}, cuda.suppressed = {given(suppressed), nullptr};
  process_logits(check.cuda, cuda);
  const bool rounds = p.settings.log_softmax_first || p.settings.log_softmax_last;
  check.close(what, logits.download(), wanted, {rounds ? 4e-6 : 0.0, rounds ? 1e-6 : 0.0});
}

KERNEL_CHECK(process_logits, "penalties and bans of a history") {
  for (int64_t columns : {1, 5, 520}) {
    const int32_t all = static_cast<int32_t>(columns);
    Problem p = problem(check, 4, 50);
    add_history(check, p, columns, {0, 1, all / 2, all}, 9);
    p.history[static_cast<size_t>(3 * columns)] = 50;  // tokens that the row does not have
    p.history[static_cast<size_t>(2 * columns)] = -1;
    p.settings.penalty = 1.7f;
    compare(check, p, "penalty");
    p.settings.penalty = 1.0f;
    for (int64_t ngram : {1, 2, 3, 60}) {
      p.settings.ngram = ngram;
      compare(check, p, std::to_string(ngram) + "-grams");
    }
    p.settings.penalty = 0.6f, p.settings.ngram = 2;
    compare(check, p, "penalty and 2-grams");
  }
}

KERNEL_CHECK(process_logits, "lists of tokens") {
  Problem p = problem(check, 4, 30);
  add_history(check, p, 6, {0, 1, 3, 6}, 4);
  std::vector<std::vector<int32_t>> words;
  for (int i = 0; i < 700; i++)
    words.push_back(check.random.integers(static_cast<size_t>(1 + i % 4), 0, i % 4 ? 3 : 29));
  words[1].clear(), words[6].clear();     // the first of the few, and one among them
  words[9] = {p.history[3 * 6 + 5], 25};  // of the last row it bans what no other does
  p.bad_words = Lists({words.begin() + 1, words.begin() + 12});
  compare(check, p, "a few bad words");
  p.bad_words = Lists(words);
  compare(check, p, "many bad words");
  p.bad_words = Lists();
  p.banned = Lists({{3}, {}, {0, 29, 29}, {7, 8}});
  compare(check, p, "banned");
  p.allowed = Lists({{3, 4, 4}, {}, {1}, {29, 0, 8}});
  compare(check, p, "banned and allowed");
  p.forced = {-1, 4, 0, -1}, p.suppressed = {9, 4, 4};
  compare(check, p, "all lists");
  p.banned = p.allowed = Lists();
  compare(check, p, "forced and suppressed");
}

KERNEL_CHECK(process_logits, "log-softmax and temperature, rows apart and at any address") {
  for (int64_t width : {1, 5, 512, 2100}) {
    for (size_t offset : {0, 1}) {
      Problem p = problem(check, 3, width);
      p.apart = width == 5 ? 3 : 0, p.offset = offset;
      p.settings.log_softmax_first = true;
      compare(check, p, "first");
      p.settings.log_softmax_first = false, p.settings.log_softmax_last = true;
      p.settings.temperature = 0.7f;
      compare(check, p, "last");
    }
  }
  compare(check, problem(check, 0, 5));
}

struct Choice {
  int64_t top_k;
  double top_p, min_p, typical_p;
  int64_t keep;
};

void choose(KernelCheck& check, Problem p, const Choice& c) {
  LogitsSettings& s = p.settings;
  s.top_k = c.top_k, s.top_p = c.top_p, s.min_p = c.min_p, s.typical_p = c.typical_p, s.keep = c.keep;
  compare(check, p, "choice of " + std::to_string(p.settings.width));
}

KERNEL_CHECK(process_logits, "choices, one at a time") {
  for (int64_t width : {1, 3, 512, 700}) {
    const Problem p = problem(check, 1, width, width == 512 ? 0.5f : 3.0f);
    for (int64_t keep : {1, 5}) {
      for (int64_t k : {1, 3, 100, 2000}) choose(check, p, {k, 1, 0, 1, keep});
      for (double share : {0.0, 0.3, 0.99}) choose(check, p, {0, share, 0, 1, keep});
      for (double share : {0.001, 1.0}) choose(check, p, {0, 1, share, 1, keep});
      for (double share : {0.001, 0.6, 0.97}) choose(check, p, {0, 1, 0, share, keep});
    }
  }
}

KERNEL_CHECK(process_logits, "choices after each other") {
  Problem p = problem(check, 1, 900, 3.0f);
  p.settings.temperature = 1.3f;
  p.settings.log_softmax_last = true;
  choose(check, p, {50, 0.8, 0, 1, 1});
  choose(check, p, {200, 0.95, 0.01, 0.9, 2});
  choose(check, p, {0, 0.9, 0.05, 0.5, 1});
}

KERNEL_CHECK(process_logits, "choices among equals") {
  Problem p = problem(check, 4, 1100);
  for (size_t i = 0; i < 1100; i++) {
    p.logits[i] = 1.0f;
    p.logits[1100 + i] = i % 3 ? 0.0f : 2.0f;
    p.logits[2200 + i] = i % 700 == 650 ? 5.0f : i % 2 ? -0.0f : 0.0f;
    p.logits[3300 + i] = i % 500 == 450 ? 1.0f : -INFINITY;
  }
  for (int64_t keep : {1, 400}) {
    choose(check, p, {2, 1, 0, 1, keep});
    for (double share : {0.0, 0.4771}) choose(check, p, {0, share, 0, 1, keep});
    choose(check, p, {0, 1, 1.0, 1, keep});
    choose(check, p, {0, 1, 0, 0.4771, keep});
  }
}

KERNEL_CHECK(process_logits, "choices among NaN and infinities") {
  Problem p = problem(check, 5, 6);
  const float nan = std::nanf("");
  p.logits = {1,         nan,       3,         2, 0,         1,         1,         INFINITY,
              3,         2,         0,         1, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
              -INFINITY, -INFINITY, -INFINITY, 5, -INFINITY, -INFINITY, 4,         -INFINITY,
              nan,       nan,       nan,       1, 2,         3};
  for (int64_t k : {1, 2, 4}) choose(check, p, {k, 1, 0, 1, 1});
  choose(check, p, {0, 0.5, 0, 1, 1});
  choose(check, p, {0, 1, 0.9, 1, 2});
  choose(check, p, {0, 1, 0, 0.5, 1});
  p.settings.log_softmax_last = true;
  choose(check, p, {2, 0.9, 0, 1, 1});
}

}  // namespace
}  // namespace athanor
