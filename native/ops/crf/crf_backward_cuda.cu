// crf_nll on CUDA, backward: a block goes along the rows of its sequences from the last to the first and adds
// to partial sums of its own, which are then added up in the order of the blocks.
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "ops/crf/crf_rows.h"

namespace athanor {

namespace {

constexpr int add_threads = 128;
constexpr int count_threads = 256;
constexpr int64_t most_groups = 1024;

// What one block adds to the gradients that all sequences share.
struct Partial {
  float* transitions;  // (K, K): [to, from]
  float *start, *end;  // (K)

  __host__ __device__ static int64_t floats(int64_t tags) { return tags * tags + 2 * tags; }
  __device__ Partial(float* all, int64_t group, int64_t tags)
      : transitions(all + group * floats(tags)), start(transitions + tags * tags), end(start + tags) {}
};

// One block: how many sequences are not empty.
template <class T>
__global__ void __launch_bounds__(count_threads) crf_count_kernel(CrfScores<T> in, float* divisor) {
  BlockTeam team;
  int counted = 0;
  for (int64_t b = threadIdx.x; b < in.batch; b += count_threads) counted += CrfSequence(in, b).length > 0;
  counted = team.sum(counted);
  if (threadIdx.x == 0) *divisor = static_cast<float>(counted);
}

// next[i] = the marginals one row before those of p, where alpha was; adds factor times those of the pairs to
// the partial sum. log_sum[j] is that over i of alpha[i] + transitions[i, j].
template <class T>
__device__ void step_back(const CrfScores<T>& in, const float* alpha, const float* log_sum, const float* p,
                          float* next, float factor, float* sum) {
  const int tags = static_cast<int>(in.tags);
  for_tags(tags, [&](int i) {
    float mass = 0.0f;
    for (int j = 0; j < tags; j++) {
      if (p[j] == 0.0f) continue;  // no path comes this way, and perhaps none could
      const float pair = p[j] * expf(alpha[i] + to_float(in.transitions[i * tags + j]) - log_sum[j]);
      mass += pair;
      sum[j * tags + i] += factor * pair;
    }
    next[i] = mass;
  });
}

// The rows of one sequence, last to first. Four rows of K in shared memory; a thread writes those of its own
// tags only, and reads others' alpha, log sums and p between barriers.
template <class T>
__device__ void differentiate(BlockTeam& team, const CrfBackward<T>& a, const CrfSequence& s, float factor,
                              const Partial& partial) {
  const CrfScores<T>& in = a.in;
  const int tags = static_cast<int>(in.tags);
  const int64_t last = s.length - 1;
  const int32_t* labels = a.labels.data + s.begin;
  float* p = dynamic_shared<float>();
  float *next = p + tags, *log_sum = next + tags, *alpha = log_sum + tags;
  const float* ends = a.alpha + (s.begin + last) * tags;
  const auto score = [&](int j) { return ends[j] + to_float(in.end[j]); };
  const CrfLogSum all = log_sum_of(team, tags, score);
  for_tags(tags, [&](int j) { p[j] = all.sum == 0.0f ? 0.0f : expf(score(j) - all.shift) / all.sum; });
  for (int64_t t = last;; t--) {
    const int label = labels[t];
    for_tags(tags, [&](int j) {
      const float dx = factor * (p[j] - (j == label ? 1.0f : 0.0f));
      a.demissions[(s.begin + t) * tags + j] = from_float<T>(dx);
      if (t == last) partial.end[j] += dx;
      if (t == 0) partial.start[j] += dx;
    });
    if (t == 0) return;
    for_tags(tags, [&](int j) { alpha[j] = a.alpha[(s.begin + t - 1) * tags + j]; });
    __syncthreads();
    for_tags(tags, [&](int j) { log_sum[j] = log_sum_to(alpha, in.transitions, j, tags); });
    __syncthreads();
    step_back(in, alpha, log_sum, p, next, factor, partial.transitions);
    const int label_before = labels[t - 1];
    for_tags(tags, [&](int i) {
      if (i == label_before) partial.transitions[label * tags + i] -= factor;
    });
    float* const old = p;
    p = next, next = old;
  }
}

template <class T>
__global__ void __launch_bounds__(crf_most_threads)
    crf_backward_kernel(CrfBackward<T> a, const float* divisor, float* partials) {
  BlockTeam team;
  const Partial partial(partials, blockIdx.x, a.in.tags);
  for (int64_t b = blockIdx.x; b < a.in.batch; b += gridDim.x) {
    const CrfSequence s(a.in, b);
    if (s.length == 0) continue;
    const float factor = a.dloss[a.reduction == Reduction::none ? b : 0] / (divisor ? *divisor : 1.0f);
    differentiate(team, a, s, factor, partial);
  }
}

// A thread for each element of the three gradients.
template <class T>
__global__ void __launch_bounds__(add_threads)
    crf_add_kernel(CrfBackward<T> a, const float* partials, int64_t groups) {
  const int64_t tags = a.in.tags, each = Partial::floats(tags);
  const int64_t element = static_cast<int64_t>(blockIdx.x) * add_threads + threadIdx.x;
  if (element >= each) return;
  double total = 0.0;
  for (int64_t group = 0; group < groups; group++)
    total += static_cast<double>(partials[group * each + element]);
  const float sum = static_cast<float>(total);
  const int64_t row = element / tags, column = element % tags;
  if (row < tags) {
    a.dtransitions[column * tags + row] = sum;
  } else {
    (row == tags ? a.dstart : a.dend)[column] = sum;
  }
}

}  // namespace

template <class T>
void crf_backward(Cuda cuda, const CrfBackward<T>& a) {
  const CrfScores<T>& in = a.in;
  const int64_t groups = a.groups ? a.groups : crf_groups(in.batch, in.tags, most_groups);
  const int64_t each = Partial::floats(in.tags);
  const Scratch<float> partials(cuda, groups * each), divisor(cuda, 1);
  const bool mean = a.reduction == Reduction::mean;
  if (groups > 0) {
    check(cudaMemsetAsync(partials.data(), 0, static_cast<size_t>(groups * each) * sizeof(float),
                          static_cast<cudaStream_t>(cuda.stream)),
          "crf_nll");
    if (mean) launch(crf_count_kernel<T>, 1, count_threads, 0, cuda.stream, in, divisor.data());
    launch(crf_backward_kernel<T>, static_cast<unsigned>(groups), crf_threads(in.tags),
           crf_shared_bytes(4, in.tags), cuda.stream, a, mean ? divisor.data() : nullptr, partials.data());
  }
  launch(crf_add_kernel<T>, blocks_for(static_cast<size_t>(each), add_threads), add_threads, 0, cuda.stream,
         a, partials.data(), groups);
}

template void crf_backward(Cuda, const CrfBackward<float>&);
template void crf_backward(Cuda, const CrfBackward<bf16>&);

}  // namespace athanor
