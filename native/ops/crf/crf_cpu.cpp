// crf.h on the CPU: a job is a sequence, or for the gradients a group of them. Transitions are transposed
// first, so that what leads to a tag lies side by side.
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/crf/crf.h"
#include "ops/gather_rows/gather_rows.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr int64_t most_groups = 64;

size_t size(int64_t n) {
  return static_cast<size_t>(n);
}

// What is subtracted before exp: of nothing but -inf nothing, so that no inf - inf arises.
float shift_of(float largest) {
  return largest == -infinity ? 0.0f : largest;
}

std::vector<float> transposed(const float* matrix, size_t n) {
  std::vector<float> result(n * n);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < n; j++) result[j * n + i] = matrix[i * n + j];
  }
  return result;
}

struct Sequence {
  int64_t begin, length;
};

Sequence sequence_of(const CrfScores<float>& in, int64_t b) {
  return {in.offsets.data[b], in.offsets.data[b + 1] - in.offsets.data[b]};
}

struct LogSum {
  float shift, sum;
  float value() const { return shift + std::log(sum); }
};

// x = a + b and the sum of exp(x - shift); y, unless null, receives exp(x - shift).
LogSum log_sum(float* y, float* x, const float* a, const float* b, size_t n) {
  const Kernels& k = kernels();
  k.arithmetic(Arithmetic::add, x, a, b, n);
  const float shift = shift_of(k.maximum(x, n));
  return {shift, k.exp_sum(y, x, shift, n)};
}

double gold_score(const CrfForward<float>& a, const Sequence& s) {
  const CrfScores<float>& in = a.in;
  const int32_t* labels = a.labels.data + s.begin;
  double score = static_cast<double>(in.start[labels[0]]) + static_cast<double>(in.end[labels[s.length - 1]]);
  for (int64_t t = 0; t < s.length; t++) {
    score += static_cast<double>(in.emissions[(s.begin + t) * in.stride + labels[t]]);
    if (t > 0) score += static_cast<double>(in.transitions[labels[t - 1] * in.tags + labels[t]]);
  }
  return score;
}

double loss_of(const CrfForward<float>& a, const Sequence& s, const float* to, float* x) {
  const CrfScores<float>& in = a.in;
  const Kernels& k = kernels();
  const size_t tags = size(in.tags);
  double total = 0;
  const float* before = nullptr;
  for (int64_t t = 0; t < s.length; t++) {
    const float* emissions = in.emissions + (s.begin + t) * in.stride;
    float* alpha = a.alpha + size(s.begin + t) * tags;
    if (t == 0) {
      k.arithmetic(Arithmetic::add, alpha, emissions, in.start, tags);
    } else {
      for (size_t j = 0; j < tags; j++) {
        alpha[j] = emissions[j] + log_sum(nullptr, x, before, to + j * tags, tags).value();
      }
    }
    const float shift = shift_of(k.maximum(alpha, tags));
    k.arithmetic_scalar(Arithmetic::subtract, alpha, alpha, shift, tags);
    total += static_cast<double>(shift);
    before = alpha;
  }
  const LogSum last = log_sum(nullptr, x, before, in.end, tags);
  const double log_z = total + static_cast<double>(last.shift) + std::log(static_cast<double>(last.sum));
  const double gold = gold_score(a, s);
  return gold == -static_cast<double>(infinity) && !std::isnan(log_z) ? static_cast<double>(infinity)
                                                                      : log_z - gold;
}

int64_t counted(const CrfScores<float>& in) {
  int64_t n = 0;
  for (int64_t b = 0; b < in.batch; b++) n += sequence_of(in, b).length > 0;
  return n;
}

// What a group of sequences adds to the gradients of the scores that they share.
struct SharedGradients {
  std::vector<double> transitions;  // (K, K): [to, from]
  std::vector<double> start, end;   // (K)
  explicit SharedGradients(size_t tags) : transitions(tags * tags), start(tags), end(tags) {}
};

// Room for one sequence: three rows of K and a matrix.
struct Room {
  float *x, *p, *next, *transitions;
  Room(Worker& worker, size_t tags)
      : x(worker.floats(3 * tags, 0)),
        p(x + tags),
        next(p + tags),
        transitions(worker.floats(tags * tags, 1)) {}
};

// next = the marginals one row before those of p; adds factor times the pairs' marginals to transitions.
void step_back(const Room& room, const float* alpha, const float* to, float factor, size_t tags) {
  const Kernels& k = kernels();
  k.fill(room.next, 0.0f, tags);
  for (size_t j = 0; j < tags; j++) {
    if (room.p[j] == 0.0f) continue;  // no path comes this way, and perhaps none could
    const LogSum all = log_sum(room.x, room.x, alpha, to + j * tags, tags);
    k.scale(room.x, room.p[j] / all.sum, room.x, tags);
    k.axpy(room.next, 1.0f, room.x, tags);
    k.axpy(room.transitions + j * tags, factor, room.x, tags);
  }
}

void differentiate(const CrfBackward<float>& a, const Sequence& s, const float* to, float factor, Room room,
                   SharedGradients& shared) {
  const CrfScores<float>& in = a.in;
  const Kernels& k = kernels();
  const size_t tags = size(in.tags);
  const int32_t* labels = a.labels.data + s.begin;
  const float* alpha = a.alpha + size(s.begin) * tags;
  k.fill(room.transitions, 0.0f, tags * tags);
  const LogSum last = log_sum(room.p, room.x, alpha + size(s.length - 1) * tags, in.end, tags);
  k.scale(room.p, last.sum == 0.0f ? 0.0f : 1.0f / last.sum, room.p, tags);
  for (int64_t t = s.length - 1; t >= 0; t--) {
    float* dx = a.demissions + size(s.begin + t) * tags;
    k.scale(dx, factor, room.p, tags);
    dx[labels[t]] -= factor;
    for (size_t j = 0; t == s.length - 1 && j < tags; j++) shared.end[j] += static_cast<double>(dx[j]);
    for (size_t j = 0; t == 0 && j < tags; j++) shared.start[j] += static_cast<double>(dx[j]);
    if (t == 0) break;
    step_back(room, alpha + size(t - 1) * tags, to, factor, tags);
    room.transitions[size(labels[t]) * tags + size(labels[t - 1])] -= factor;
    std::swap(room.p, room.next);
  }
  for (size_t i = 0; i < tags * tags; i++) shared.transitions[i] += static_cast<double>(room.transitions[i]);
}

// d = the sum over the groups, in order.
void add_up(const CrfBackward<float>& a, const std::vector<SharedGradients>& groups) {
  const size_t tags = size(a.in.tags);
  const auto sum = [&](const auto& element) {
    double total = 0;
    for (const SharedGradients& group : groups) total += element(group);
    return static_cast<float>(total);
  };
  for (size_t i = 0; i < tags; i++) {
    a.dstart[i] = sum([&](const SharedGradients& g) { return g.start[i]; });
    a.dend[i] = sum([&](const SharedGradients& g) { return g.end[i]; });
    for (size_t j = 0; j < tags; j++) {
      a.dtransitions[i * tags + j] =
          sum([&](const SharedGradients& g) { return g.transitions[j * tags + i]; });
    }
  }
}

// One row of Viterbi: best[j] = the largest before[i] + transitions[i, j], found at from[j].
void extend_paths(const CrfScores<float>& in, const float* before, float* best, int32_t* from) {
  const size_t tags = size(in.tags);
  for (size_t i = 0; i < tags; i++) {
    const float* transitions = in.transitions + i * tags;
    for (size_t j = 0; j < tags; j++) {
      const float score = before[i] + transitions[j];
      if (i > 0 && !(score > best[j])) continue;
      best[j] = score;
      from[j] = static_cast<int32_t>(i);
    }
  }
}

size_t first_largest(const float* x, size_t n) {
  size_t found = 0;
  for (size_t i = 1; i < n; i++) {
    if (x[i] > x[found]) found = i;
  }
  return found;
}

float decode(const CrfDecode<float>& a, const Sequence& s, Worker& worker) {
  const CrfScores<float>& in = a.in;
  const size_t tags = size(in.tags);
  float *before = worker.floats(2 * tags, 0), *best = before + tags;
  auto* from = static_cast<int32_t*>(worker.scratch(size(s.length) * tags * sizeof(int32_t), 1));
  double total = 0;
  for (int64_t t = 0; t < s.length; t++) {
    const float* emissions = in.emissions + (s.begin + t) * in.stride;
    if (t == 0) {
      std::copy_n(in.start, tags, best);
    } else {
      extend_paths(in, before, best, from + size(t) * tags);
    }
    for (size_t j = 0; j < tags; j++) best[j] += emissions[j];
    const float shift = shift_of(best[first_largest(best, tags)]);
    for (size_t j = 0; j < tags; j++) before[j] = best[j] - shift;
    total += static_cast<double>(shift);
  }
  for (size_t j = 0; j < tags; j++) before[j] += in.end[j];
  size_t tag = first_largest(before, tags);
  const float score = static_cast<float>(total + static_cast<double>(before[tag]));
  for (int64_t t = s.length - 1; t >= 0; t--) {
    a.path[s.begin + t] = static_cast<int32_t>(tag);
    if (t > 0) tag = size(from[size(t) * tags + tag]);
  }
  return score;
}

}  // namespace

void crf_forward(Cpu, const CrfForward<float>& a) {
  const CrfScores<float>& in = a.in;
  check_offsets(Cpu{}, in.offsets, in.batch, in.rows, "crf_nll", "offsets");
  check_indices(Cpu{}, {"crf_nll", "tag", ""}, a.labels, in.rows, in.tags);
  const std::vector<float> to = transposed(in.transitions, size(in.tags));
  parallel_for(size(in.batch), [&](size_t index, Worker& worker) {
    const Sequence s = sequence_of(in, static_cast<int64_t>(index));
    a.losses[index] =
        s.length == 0 ? 0.0f : static_cast<float>(loss_of(a, s, to.data(), worker.floats(size(in.tags))));
  });
  if (!a.loss) return;
  double total = 0;
  for (int64_t b = 0; b < in.batch; b++) total += static_cast<double>(a.losses[b]);
  const bool mean = a.reduction == Reduction::mean;
  *a.loss = static_cast<float>(mean ? total / static_cast<double>(counted(in)) : total);
}

void crf_backward(Cpu, const CrfBackward<float>& a) {
  const CrfScores<float>& in = a.in;
  const size_t tags = size(in.tags);
  const std::vector<float> to = transposed(in.transitions, tags);
  const int64_t groups = crf_groups(in.batch, in.tags, most_groups);
  std::vector<SharedGradients> shared(size(groups), SharedGradients(tags));
  const float divisor = a.reduction == Reduction::mean ? static_cast<float>(counted(in)) : 1.0f;
  parallel_for(size(groups), [&](size_t group, Worker& worker) {
    for (int64_t b = static_cast<int64_t>(group); b < in.batch; b += groups) {
      const Sequence s = sequence_of(in, b);
      if (s.length == 0) continue;
      const float factor = a.dloss[a.reduction == Reduction::none ? b : 0] / divisor;
      differentiate(a, s, to.data(), factor, Room(worker, tags), shared[group]);
    }
  });
  add_up(a, shared);
}

void crf_decode(Cpu, const CrfDecode<float>& a) {
  const CrfScores<float>& in = a.in;
  check_offsets(Cpu{}, in.offsets, in.batch, in.rows, "crf_decode", "offsets");
  parallel_for(size(in.batch), [&](size_t index, Worker& worker) {
    const Sequence s = sequence_of(in, static_cast<int64_t>(index));
    a.scores[index] = s.length == 0 ? 0.0f : decode(a, s, worker);
  });
}

}  // namespace athanor
