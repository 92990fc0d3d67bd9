#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "ops/cross_entropy/labels.h"

namespace athanor {

namespace {

constexpr int threads = 512;

[[noreturn]] void fail(const LabelCheck& check, int64_t label) {
  throw Error(ErrorCode::data, std::string(check.op) + ": label " + std::to_string(label) + " outside 0.." +
                                   std::to_string(check.classes - 1));
}

int64_t counted_on_host(const LabelCheck& check, const int32_t* labels) {
  int64_t counted = 0;
  for (int64_t row = 0; row < check.rows; row++) {
    const int64_t label = labels[row];
    if (label == check.ignore_index) continue;
    if (label < 0 || label >= check.classes) fail(check, label);
    counted++;
  }
  return counted;
}

// What one look at the labels tells.
struct LabelSummary {
  long long counted;
  long long first_bad;  // row, or the number of rows
  int bad_label;
};

__device__ bool counts(const LabelCheck& check, const int32_t* labels, int64_t row) {
  return row < check.rows && labels[row] != check.ignore_index;
}

// One block: summary = what the labels amount to.
__global__ void __launch_bounds__(threads)
    label_summary_kernel(LabelCheck check, const int32_t* labels, LabelSummary* summary) {
  SHARED(long long, counted, [threads]);
  SHARED(long long, bad, [threads]);
  const int thread = static_cast<int>(threadIdx.x);
  long long count = 0, first = check.rows;
  for (int64_t row = thread; row < check.rows; row += threads) {
    if (!counts(check, labels, row)) continue;
    count++;
    if ((labels[row] < 0 || labels[row] >= check.classes) && row < first) first = row;
  }
  counted[thread] = count, bad[thread] = first;
  __syncthreads();
  if (thread > 0) return;
  for (int i = 1; i < threads; i++) {
    count += counted[i];
    first = bad[i] < first ? bad[i] : first;
  }
  *summary = {count, first, first < check.rows ? labels[first] : 0};
}

// One block, which takes its rows a block's width at a time: a row's place is the number of those before it.
__global__ void __launch_bounds__(threads)
    label_positions_kernel(LabelCheck check, const int32_t* labels, int32_t* positions) {
  constexpr int warps = threads / warp_size;
  SHARED(int, counted, [2][warps]);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % warp_size, warp = thread / warp_size;
  int64_t done = 0;
  for (int64_t first = 0, turn = 0; first < check.rows; first += threads, turn ^= 1) {
    const int64_t row = first + thread;
    const bool takes = counts(check, labels, row);
    const unsigned taken = __ballot_sync(full_mask, takes);
    if (lane == 0) counted[turn][warp] = __popc(taken);
    __syncthreads();
    int before = __popc(taken & ((1u << lane) - 1)), all = 0;
    for (int i = 0; i < warps; i++) {
      before += i < warp ? counted[turn][i] : 0;
      all += counted[turn][i];
    }
    if (takes) positions[done + before] = static_cast<int32_t>(row);
    done += all;
  }
}

}  // namespace

int64_t counted_labels(Cuda cuda, const LabelCheck& check, Indices labels) {
  if (labels.host) return counted_on_host(check, labels.host);
  if (check.rows == 0) return 0;
  const Scratch<LabelSummary> scratch(cuda, 1);
  launch(label_summary_kernel, 1, threads, 0, cuda.stream, check, labels.data, scratch.data());
  LabelSummary summary;
  const cudaStream_t stream = static_cast<cudaStream_t>(cuda.stream);
  athanor::check(cudaMemcpyAsync(&summary, scratch.data(), sizeof summary, cudaMemcpyDeviceToHost, stream),
                 check.op);
  athanor::check(cudaStreamSynchronize(stream), check.op);
  if (summary.first_bad < check.rows) fail(check, summary.bad_label);
  return summary.counted;
}

void find_counted(Cuda cuda, const LabelCheck& check, const int32_t* labels, int32_t* positions) {
  if (check.rows == 0) return;
  launch(label_positions_kernel, 1, threads, 0, cuda.stream, check, labels, positions);
}

}  // namespace athanor
