// CPU: what the choices of process_logits keep of a row. Until one has removed something that is the row as
// it stands; afterwards a list, best first, and the row is not looked at again.
#pragma once

#include <vector>

#include "cpu/pool.h"
#include "ops/top_k/selection.h"

namespace athanor {

class KeptTokens {
 public:
  KeptTokens(float* x, size_t n, size_t keep, Worker& worker) : x_(x), n_(n), keep_(keep), worker_(worker) {}

  bool all() const { return !chosen_; }

  void top_k(size_t k);
  void top_p(double p);
  void min_p(double least);
  void typical(double mass);

  // The list to the row, -inf elsewhere; with `log_softmax` normalised, or NaN where that is not possible.
  void write(bool log_softmax) const;

 private:
  // Of the row or the list; false where they are no numbers that softmax takes.
  struct Sum {
    float max;
    double total;  // of exp(x - max)
  };
  bool sum(Sum& sum) const;

  void keep(const std::vector<Candidate>& tokens, size_t count);
  void keep_at_least(float least);  // all x >= least but for -inf

  float* const x_;
  const size_t n_, keep_;
  Worker& worker_;
  bool chosen_ = false;
  std::vector<Candidate> list_;
};

}  // namespace athanor
