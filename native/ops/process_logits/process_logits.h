// What generation does to logits before a token is chosen, in place, row by row; every step may be absent.
// The order is that of `_get_logits_processor` of Transformers:
//   log-softmax (beam search processes log-probabilities)
//   repetition penalty     x < 0 ? x penalty : x / penalty, for every token of the row's history
//   no repeated n-gram     -inf for what would complete an n-gram that the history holds
//   bad words              -inf for the last token of a word whose other tokens end the history
//   banned tokens          -inf, a list per row (minimum length: the end tokens)
//   allowed tokens         -inf for all others, a list per row; an empty list allows everything
//   forced token           0 for it and -inf for all others, per row; -1: none
//   suppressed tokens      -inf, one list for all rows
//   temperature            x / temperature
//   top-k                  -inf for what is below the k-th largest; what equals it stays
//   top-p                  keeps the most probable tokens as long as those before have less than p (Holtzman
//                          et al., "The Curious Case of Neural Text Degeneration", 2020)
//   min-p                  keeps what has at least min_p of the largest probability (Nguyen et al., "Turning
//                          Up the Heat: Min-p Sampling", 2024)
//   typical                keeps the tokens whose information is nearest to the row's entropy, until they
//                          have `typical_p` together; what is as near as the last stays (Meister et al.,
//                          "Locally Typical Sampling", 2023)
//   log-softmax            of what is left
// The four choices keep at least `keep` tokens, the best by their own order; of equal ones the smaller index.
// Tokens of the history that are none of the row are passed over.
//
// A row with a NaN or +inf has no probabilities: top-p, min-p and typical leave it as it is, as in the
// reference, and so does top-k its NaNs, which count as largest.
#pragma once

#include <cstdint>

#include "ops/host_indices.h"
#include "ops/op.h"

namespace athanor {

// A list of tokens for each of several things: that of i is ids[offsets[i]] to ids[offsets[i + 1]].
struct TokenLists {
  Indices ids;
  Indices offsets;  // null: no lists
  int64_t lists, count;
};

struct LogitsSettings {
  int64_t rows, width;
  int64_t columns;  // of the history
  float penalty;    // 1: none
  int64_t ngram;    // 0: none
  float temperature;
  int64_t top_k;                   // 0: none
  double top_p, min_p, typical_p;  // 1, 0 and 1: none
  int64_t keep;
  bool log_softmax_first, log_softmax_last;
};

struct ProcessLogits : LogitsSettings {
  float* logits;  // (rows, width), row stride `stride`
  int64_t stride;
  Indices history;          // (rows, columns): the first history_lengths[i] of a row count
  Indices history_lengths;  // (rows), or null
  TokenLists bad_words;     // one list a word
  TokenLists banned;        // one a row
  TokenLists allowed;       // one a row
  Indices forced;           // (rows), or null
  Indices suppressed;       // (suppressed_count)
  int64_t suppressed_count;
};

// Trusts all indices but the tokens of the history.
void process_logits(Cpu, const ProcessLogits& a);
void process_logits(Cuda, const ProcessLogits& a);

}  // namespace athanor
