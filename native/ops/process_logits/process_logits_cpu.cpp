// A row is a job. What concerns a few tokens touches those alone. The choices work on candidates: the best of
// a row are selected, a few at first and more where those are not enough, and once a choice has been made the
// next one looks at what it left; the row is then written once.
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/process_logits/kept_tokens.h"
#include "ops/process_logits/process_logits.h"
#include "ops/softmax/log_softmax_row.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// The tokens of one row's history.
struct History {
  const int32_t* token;
  int64_t length;

  History(const ProcessLogits& a, int64_t row)
      : token(a.history.data ? a.history.data + row * a.columns : nullptr),
        length(a.history_lengths.data ? a.history_lengths.data[row] : 0) {}

  // Whether tokens [at, at + count) are these.
  bool matches(int64_t at, const int32_t* these, int64_t count) const {
    for (int64_t i = 0; i < count; i++) {
      if (token[at + i] != these[i]) return false;
    }
    return true;
  }
};

class Row {
 public:
  Row(const ProcessLogits& a, int64_t row, Worker& worker)
      : a_(a), row_(row), x_(a.logits + row * a.stride), n_(static_cast<size_t>(a.width)), worker_(worker) {}

  void process() {
    if (a_.log_softmax_first) log_softmax_row(x_, x_, n_);
    const History history(a_, row_);
    if (a_.penalty != 1.0f) penalize(history);
    if (a_.ngram > 0) ban_ngrams(history);
    if (a_.bad_words.offsets.data) ban_words(history);
    if (a_.banned.offsets.data) each_of(a_.banned, row_, [&](int32_t token) { ban(token); });
    if (a_.allowed.offsets.data) allow();
    if (a_.forced.data && a_.forced.data[row_] >= 0) force(a_.forced.data[row_]);
    for (int64_t i = 0; i < a_.suppressed_count; i++) ban(a_.suppressed.data[i]);
    if (a_.temperature != 1.0f) {
      kernels().arithmetic_scalar(Arithmetic::divide, x_, x_, a_.temperature, n_);
    }
    choose();
  }

 private:
  bool within(int32_t token) const { return token >= 0 && token < a_.width; }
  void ban(int32_t token) {
    if (within(token)) x_[token] = -infinity;
  }

  template <class Body>
  static void each_of(const TokenLists& lists, int64_t list, const Body& body) {
    for (int32_t i = lists.offsets.data[list]; i < lists.offsets.data[list + 1]; i++) body(lists.ids.data[i]);
  }

  // All are read before any is written: a token counts once.
  void penalize(const History& history) {
    float* penalized = worker_.floats(static_cast<size_t>(history.length), 0);
    for (int64_t i = 0; i < history.length; i++) {
      const float x = within(history.token[i]) ? x_[history.token[i]] : 0.0f;
      penalized[i] = x < 0.0f ? x * a_.penalty : x / a_.penalty;
    }
    for (int64_t i = 0; i < history.length; i++) {
      if (within(history.token[i])) x_[history.token[i]] = penalized[i];
    }
  }

  void ban_ngrams(const History& history) {
    if (history.length < a_.ngram) return;
    const int64_t before = a_.ngram - 1;
    const int32_t* end = history.token + history.length - before;
    for (int64_t i = 0; i + a_.ngram <= history.length; i++) {
      if (history.matches(i, end, before)) ban(history.token[i + before]);
    }
  }

  void ban_words(const History& history) {
    for (int64_t word = 0; word < a_.bad_words.lists; word++) {
      const int32_t begin = a_.bad_words.offsets.data[word], end = a_.bad_words.offsets.data[word + 1];
      const int64_t before = end - begin - 1;
      if (before < 0 || before > history.length) continue;
      const int32_t* ids = a_.bad_words.ids.data + begin;
      if (history.matches(history.length - before, ids, before)) ban(ids[before]);
    }
  }

  void allow() {
    const int32_t begin = a_.allowed.offsets.data[row_], end = a_.allowed.offsets.data[row_ + 1];
    if (begin == end) return;
    const int32_t* ids = a_.allowed.ids.data + begin;
    const size_t count = static_cast<size_t>(end - begin);
    float* kept = worker_.floats(count, 0);
    for (size_t i = 0; i < count; i++) kept[i] = x_[ids[i]];
    kernels().fill(x_, -infinity, n_);
    for (size_t i = 0; i < count; i++) x_[ids[i]] = kept[i];
  }

  void force(int32_t token) {
    kernels().fill(x_, -infinity, n_);
    x_[token] = 0.0f;
  }

  void choose() {
    KeptTokens kept(x_, n_, static_cast<size_t>(a_.keep), worker_);
    if (a_.top_k > 0) kept.top_k(static_cast<size_t>(a_.top_k));
    if (a_.top_p < 1.0) kept.top_p(a_.top_p);
    if (a_.min_p > 0.0) kept.min_p(a_.min_p);
    if (a_.typical_p < 1.0) kept.typical(a_.typical_p);
    if (kept.all()) {
      if (a_.log_softmax_last) log_softmax_row(x_, x_, n_);
      return;
    }
    kept.write(a_.log_softmax_last);
  }

  const ProcessLogits& a_;
  const int64_t row_;
  float* const x_;
  const size_t n_;
  Worker& worker_;
};

// Whether any step goes over whole rows.
bool whole_rows(const ProcessLogits& a) {
  const bool choices = a.top_k > 0 || a.top_p < 1.0 || a.min_p > 0.0 || a.typical_p < 1.0;
  return choices || a.temperature != 1.0f || a.log_softmax_first || a.log_softmax_last || a.forced.data ||
         a.allowed.offsets.data;
}

}  // namespace

void process_logits(Cpu, const ProcessLogits& a) {
  if (a.width == 0) return;
  const int64_t work = whole_rows(a) ? a.width : 16 * (a.columns + a.bad_words.count + 1);
  const size_t grain = static_cast<size_t>(16384 / (work + 1) + 1);
  parallel_ranges(static_cast<size_t>(a.rows), grain, [&](size_t begin, size_t end, Worker& worker) {
    for (size_t row = begin; row < end; row++) Row(a, static_cast<int64_t>(row), worker).process();
  });
}

}  // namespace athanor
