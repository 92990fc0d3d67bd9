// process_logits.h on CUDA: a block takes a row through all steps, with a barrier after each. Bans are
// exchanges, as several threads may forbid one token.
#include "cuda/scratch.h"
#include "ops/process_logits/choices.h"
#include "ops/process_logits/process_logits.h"

namespace athanor {

namespace {

constexpr int threads = RowChoices::threads;

// The tokens of one row's history.
struct History {
  const int32_t* token;
  int length;

  __device__ bool matches(int at, const int32_t* these, int count) const {
    for (int i = 0; i < count; i++) {
      if (token[at + i] != these[i]) return false;
    }
    return true;
  }
  // Whether no earlier position has the token of this one.
  __device__ bool first(int at) const {
    for (int i = 0; i < at; i++) {
      if (token[i] == token[at]) return false;
    }
    return true;
  }
};

class TokenSteps {
 public:
  __device__ TokenSteps(const ProcessLogits& a, int64_t row, float* x)
      : a_(a), row_(row), x_(x), rank_(static_cast<int>(threadIdx.x)) {
    history_.token = a.history.data ? a.history.data + row * a.columns : nullptr;
    history_.length = a.history_lengths.data ? a.history_lengths.data[row] : 0;
  }

  __device__ void penalize() const {
    for (int i = rank_; i < history_.length; i += threads) {
      const int32_t token = history_.token[i];
      if (!within(token) || !history_.first(i)) continue;
      const float x = x_[token];
      x_[token] = x < 0.0f ? x * a_.penalty : x / a_.penalty;
    }
    __syncthreads();
  }

  __device__ void ban_ngrams() const {
    const int before = static_cast<int>(a_.ngram) - 1;
    for (int i = rank_; i + before < history_.length; i += threads) {
      const int32_t* end = history_.token + history_.length - before;
      if (history_.matches(i, end, before)) ban(history_.token[i + before]);
    }
    __syncthreads();
  }

  __device__ void ban_words() const {
    for (int64_t word = rank_; word < a_.bad_words.lists; word += threads) {
      const int begin = a_.bad_words.offsets.data[word];
      const int before = a_.bad_words.offsets.data[word + 1] - begin - 1;
      if (before < 0 || before > history_.length) continue;
      const int32_t* ids = a_.bad_words.ids.data + begin;
      if (history_.matches(history_.length - before, ids, before)) ban(ids[before]);
    }
    __syncthreads();
  }

  __device__ void ban_listed() const {
    const int end = a_.banned.offsets.data[row_ + 1];
    for (int i = a_.banned.offsets.data[row_] + rank_; i < end; i += threads) ban(a_.banned.ids.data[i]);
    __syncthreads();
  }

  // `kept` has room for the logits of all lists.
  __device__ void allow(RowChoices& choices, float* kept) const {
    const int begin = a_.allowed.offsets.data[row_], end = a_.allowed.offsets.data[row_ + 1];
    if (begin == end) return;
    for (int i = begin + rank_; i < end; i += threads) kept[i] = x_[a_.allowed.ids.data[i]];
    __syncthreads();
    choices.change([](int, float) { return -INFINITY; });
    for (int i = begin + rank_; i < end; i += threads) put(a_.allowed.ids.data[i], kept[i]);
    __syncthreads();
  }

  __device__ void force(RowChoices& choices) const {
    const int token = a_.forced.data[row_];
    if (token < 0) return;
    choices.change([=](int i, float) { return i == token ? 0.0f : -INFINITY; });
  }

  __device__ void suppress() const {
    for (int64_t i = rank_; i < a_.suppressed_count; i += threads) ban(a_.suppressed.data[i]);
    __syncthreads();
  }

 private:
  __device__ bool within(int32_t token) const { return token >= 0 && token < a_.width; }
  __device__ void put(int32_t token, float value) const {
    atomicExch(reinterpret_cast<int*>(x_ + token), __float_as_int(value));
  }
  __device__ void ban(int32_t token) const {
    if (within(token)) put(token, -INFINITY);
  }

  const ProcessLogits& a_;
  const int64_t row_;
  float* const x_;
  const int rank_;
  History history_;
};

__global__ void __launch_bounds__(threads) process_logits_kernel(const ProcessLogits a, float* kept) {
  BlockTeam team;
  const int64_t row = blockIdx.x;
  float* x = a.logits + row * a.stride;
  const int n = static_cast<int>(a.width);
  RowChoices choices(team, x, n, static_cast<int>(min(a.keep, a.width)));
  const TokenSteps tokens(a, row, x);
  if (a.log_softmax_first) choices.log_softmax();
  if (a.penalty != 1.0f) tokens.penalize();
  if (a.ngram > 0 && a.ngram <= a.columns) tokens.ban_ngrams();
  if (a.bad_words.offsets.data) tokens.ban_words();
  if (a.banned.offsets.data) tokens.ban_listed();
  if (a.allowed.offsets.data) tokens.allow(choices, kept);
  if (a.forced.data) tokens.force(choices);
  if (a.suppressed_count > 0) tokens.suppress();
  if (a.temperature != 1.0f) choices.change([&](int, float v) { return v / a.temperature; });
  if (a.top_k > 0) choices.top_k(a.top_k);
  if (a.top_p < 1.0) choices.top_p(a.top_p);
  if (a.min_p > 0.0) choices.min_p(a.min_p);
  if (a.typical_p < 1.0) choices.typical(a.typical_p);
  if (a.log_softmax_last) choices.log_softmax();
}

}  // namespace

void process_logits(Cuda cuda, const ProcessLogits& a) {
  if (a.rows == 0 || a.width == 0) return;
  check_row_width("process_logits", a.width);
  const Scratch<float> kept(cuda, a.allowed.count);
  launch(process_logits_kernel, static_cast<unsigned>(a.rows), threads, 0, cuda.stream, a, kept.data());
}

}  // namespace athanor
