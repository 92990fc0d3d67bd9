// crf_nll and crf_decode on CUDA, forward: both go along the rows of a sequence, a block to a sequence. What
// a row begins with lies in shared memory; team.max(), between reading and writing it, is the barrier of
// both.
#include "cuda/scratch.h"
#include "ops/crf/crf_rows.h"
#include "ops/gather_rows/gather_rows.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

constexpr int total_threads = 256;

template <class T>
__device__ double gold_score(BlockTeam& team, const CrfForward<T>& a, const CrfSequence& s) {
  const CrfScores<T>& in = a.in;
  const int32_t* labels = a.labels.data + s.begin;
  double score = 0.0;
  for (int64_t t = threadIdx.x; t < s.length; t += blockDim.x) {
    score += static_cast<double>(to_float(in.emissions[(s.begin + t) * in.stride + labels[t]]));
    score += static_cast<double>(
        to_float(t == 0 ? in.start[labels[0]] : in.transitions[labels[t - 1] * in.tags + labels[t]]));
    if (t == s.length - 1) score += static_cast<double>(to_float(in.end[labels[t]]));
  }
  return team.sum(score);
}

template <class T>
__global__ void __launch_bounds__(crf_most_threads) crf_forward_kernel(CrfForward<T> a) {
  const CrfScores<T>& in = a.in;
  const int tags = static_cast<int>(in.tags);
  float* before = dynamic_shared<float>();  // (K): alpha of the row before
  BlockTeam team;
  const CrfSequence s(in, blockIdx.x);
  if (s.length == 0) {
    if (threadIdx.x == 0) a.losses[blockIdx.x] = 0.0f;
    return;
  }
  double total = 0.0;
  for (int64_t t = 0; t < s.length; t++) {
    const T* emissions = in.emissions + (s.begin + t) * in.stride;
    float* alpha = a.alpha + (s.begin + t) * tags;
    float largest = -INFINITY;
    for_tags(tags, [&](int j) {
      const float led = t == 0 ? to_float(in.start[j]) : log_sum_to(before, in.transitions, j, tags);
      alpha[j] = to_float(emissions[j]) + led;
      largest = fmaxf(largest, alpha[j]);
    });
    const float shift = crf_shift(team.max(largest));
    for_tags(tags, [&](int j) { before[j] = alpha[j] -= shift; });
    total += static_cast<double>(shift);
    __syncthreads();
  }
  const CrfLogSum last = log_sum_of(team, tags, [&](int j) { return before[j] + to_float(in.end[j]); });
  const double log_z = total + static_cast<double>(last.shift) + static_cast<double>(logf(last.sum));
  const double gold = gold_score(team, a, s);
  const bool forbidden = gold == -INFINITY && !isnan(log_z);
  if (threadIdx.x == 0) a.losses[blockIdx.x] = forbidden ? INFINITY : static_cast<float>(log_z - gold);
}

// One block.
template <class T>
__global__ void __launch_bounds__(total_threads) crf_total_kernel(CrfForward<T> a) {
  BlockTeam team;
  double total = 0.0;
  int counted = 0;
  for (int64_t b = threadIdx.x; b < a.in.batch; b += total_threads) {
    total += static_cast<double>(a.losses[b]);
    counted += CrfSequence(a.in, b).length > 0;
  }
  total = team.sum(total);
  counted = team.sum(counted);
  const bool mean = a.reduction == Reduction::mean;
  if (threadIdx.x == 0) *a.loss = static_cast<float>(mean ? total / static_cast<double>(counted) : total);
}

// The best way to tag j: over the tags before it, the first of equal ones.
template <class T>
__device__ float best_to(const float* before, const T* transitions, int j, int tags, int32_t* from) {
  float best = before[0] + to_float(transitions[j]);
  int32_t found = 0;
  for (int i = 1; i < tags; i++) {
    const float score = before[i] + to_float(transitions[i * tags + j]);
    if (score > best) best = score, found = i;
  }
  *from = found;
  return best;
}

// from (T, K): the tag before, on the best path to each tag.
template <class T>
__global__ void __launch_bounds__(crf_most_threads) crf_decode_kernel(CrfDecode<T> a, int32_t* from) {
  const CrfScores<T>& in = a.in;
  const int tags = static_cast<int>(in.tags);
  float* before = dynamic_shared<float>();  // (K)
  float* best = before + tags;              // (K)
  BlockTeam team;
  const CrfSequence s(in, blockIdx.x);
  double total = 0.0;
  for (int64_t t = 0; t < s.length; t++) {
    const T* emissions = in.emissions + (s.begin + t) * in.stride;
    float largest = -INFINITY;
    for_tags(tags, [&](int j) {
      const float led = t == 0 ? to_float(in.start[j])
                               : best_to(before, in.transitions, j, tags, from + (s.begin + t) * tags + j);
      best[j] = led + to_float(emissions[j]);
      largest = fmaxf(largest, best[j]);
    });
    const float shift = crf_shift(team.max(largest));
    for_tags(tags, [&](int j) { before[j] = best[j] - shift; });
    total += static_cast<double>(shift);
    __syncthreads();
  }
  if (threadIdx.x > 0) return;
  if (s.length == 0) {
    a.scores[blockIdx.x] = 0.0f;
    return;
  }
  int tag = 0;
  float largest = before[0] + to_float(in.end[0]);
  for (int j = 1; j < tags; j++) {
    const float score = before[j] + to_float(in.end[j]);
    if (score > largest) largest = score, tag = j;
  }
  a.scores[blockIdx.x] = static_cast<float>(total + static_cast<double>(largest));
  for (int64_t t = s.length - 1; t >= 0; t--) {
    a.path[s.begin + t] = tag;
    if (t > 0) tag = from[(s.begin + t) * tags + tag];
  }
}

}  // namespace

template <class T>
void crf_forward(Cuda cuda, const CrfForward<T>& a) {
  const CrfScores<T>& in = a.in;
  check_offsets(cuda, in.offsets, in.batch, in.rows, "crf_nll", "offsets");
  check_indices(cuda, {"crf_nll", "tag", ""}, a.labels, in.rows, in.tags);
  check_crf_tags("crf_nll", in.tags);
  if (in.batch > 0) {
    launch(crf_forward_kernel<T>, static_cast<unsigned>(in.batch), crf_threads(in.tags),
           crf_shared_bytes(1, in.tags), cuda.stream, a);
  }
  if (a.loss) launch(crf_total_kernel<T>, 1, total_threads, 0, cuda.stream, a);
}

template <class T>
void crf_decode(Cuda cuda, const CrfDecode<T>& a) {
  const CrfScores<T>& in = a.in;
  check_offsets(cuda, in.offsets, in.batch, in.rows, "crf_decode", "offsets");
  check_crf_tags("crf_decode", in.tags);
  if (in.batch == 0) return;
  const Scratch<int32_t> from(cuda, in.rows * in.tags);
  launch(crf_decode_kernel<T>, static_cast<unsigned>(in.batch), crf_threads(in.tags),
         crf_shared_bytes(2, in.tags), cuda.stream, a, from.data());
}

template void crf_forward(Cuda, const CrfForward<float>&);
template void crf_forward(Cuda, const CrfForward<bf16>&);
template void crf_decode(Cuda, const CrfDecode<float>&);
template void crf_decode(Cuda, const CrfDecode<bf16>&);

}  // namespace athanor
