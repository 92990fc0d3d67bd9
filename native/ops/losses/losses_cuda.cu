// losses.h on CUDA. Every block sums the losses of the stretches of elements it walks over and notes the
// first target among them that is NaN; a second kernel adds the blocks up in order. Targets that the host
// knows are checked there; else the stream is waited for, as a NaN must fail this command and no later one.
#include <cmath>

#include "cuda/row_team.h"
#include "cuda/scratch.h"
#include "ops/losses/losses.h"

namespace athanor {

namespace {

constexpr int threads = 256;
constexpr int at_once = 4;  // elements of one access
constexpr int64_t most_blocks = 512;

struct MseRule {
  __device__ static float loss(float x, float t, float) { return (x - t) * (x - t); }
  __device__ static float slope(float x, float t, float) { return 2.0f * (x - t); }
};

struct BceRule {
  // softplus(x) = max(x, 0) + log(1 + exp(-|x|)): no overflow, and exact where it is small. softplus(-x)
  // shares the logarithm, which also hands on a NaN.
  __device__ static float loss(float x, float t, float weight) {
    const float rest = log1pf(expf(-fabsf(x)));
    return (1.0f - t) * (fmaxf(x, 0.0f) + rest) + weight * t * (fmaxf(-x, 0.0f) + rest);
  }
  // (1 - t) sigmoid(x) - w t sigmoid(-x): unlike 1 - t - ..., no digits cancel for a confident prediction.
  __device__ static float slope(float x, float t, float weight) {
    const float e = expf(-fabsf(x)), high = 1.0f / (1.0f + e), low = e * high;
    return (1.0f - t) * (x < 0 ? low : high) - weight * t * (x < 0 ? high : low);
  }
};

// Calls body(first element, integral constant: how many) for all that this thread is to do of n elements;
// `fours`: every array is aligned for four at once.
template <class Body>
__device__ void for_elements(int64_t n, bool fours, const Body& body) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * threads + static_cast<int64_t>(threadIdx.x);
  const int64_t step = static_cast<int64_t>(gridDim.x) * threads;
  const int64_t pieces = fours ? n / at_once : 0;
  for (int64_t i = thread; i < pieces; i += step) body(i * at_once, std::integral_constant<int, at_once>());
  for (int64_t i = pieces * at_once + thread; i < n; i += step) body(i, std::integral_constant<int, 1>());
}

// What a block knows of its elements.
struct Partial {
  double total;
  long long first_nan;  // of the targets; n if there is none
};

// The least of all values; every thread of the block gets it.
__device__ long long block_least(long long value) {
  SHARED(long long, values, [threads]);
  values[threadIdx.x] = value;
  __syncthreads();
  for (int half = threads / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) {
      const long long other = values[threadIdx.x + half];
      if (other < values[threadIdx.x]) values[threadIdx.x] = other;
    }
    __syncthreads();
  }
  return values[0];
}

template <class Rule, class T, class U>
__global__ void __launch_bounds__(threads)
    loss_forward_kernel(LossForward<T, U> a, bool fours, Partial* partials) {
  double total = 0.0;
  long long first_nan = a.n;
  for_elements(a.n, fours, [&](int64_t first, auto count) {
    constexpr int many = decltype(count)::value;
    float x[many], t[many];
    load(x, a.x + first), load(t, a.target + first);
#pragma unroll
    for (int i = 0; i < many; i++) {
      if (std::isnan(t[i]) && first + i < first_nan) first_nan = first + i;
      x[i] = Rule::loss(x[i], t[i], a.weight ? a.weight[(first + i) % a.width] : 1.0f);
      total += static_cast<double>(x[i]);
    }
    if (a.reduction == Reduction::none) store(a.loss + first, x);
  });
  BlockTeam team;
  total = team.sum(total);
  first_nan = block_least(first_nan);
  if (threadIdx.x == 0) partials[blockIdx.x] = {total, first_nan};
}

// One block: the loss, and in partials[0] the first NaN of all.
__global__ void __launch_bounds__(threads)
    loss_total_kernel(Partial* partials, int blocks, float* loss, double divisor, long long n) {
  double total = 0.0;
  long long first_nan = n;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += threads) {
    total += partials[i].total;
    if (partials[i].first_nan < first_nan) first_nan = partials[i].first_nan;
  }
  BlockTeam team;
  total = team.sum(total);
  first_nan = block_least(first_nan);
  if (threadIdx.x > 0) return;
  if (loss) *loss = static_cast<float>(total / divisor);
  partials[0].first_nan = first_nan;
}

template <class Rule, class T, class U>
__global__ void __launch_bounds__(threads) loss_backward_kernel(LossBackward<T, U> a, bool fours) {
  const bool each = a.reduction == Reduction::none;
  const float mean = a.reduction == Reduction::mean ? static_cast<float>(a.n) : 1.0f;
  const float factor = each ? 1.0f : *a.dloss / mean;
  for_elements(a.n, fours, [&](int64_t first, auto count) {
    constexpr int many = decltype(count)::value;
    float x[many], t[many];
    load(x, a.x + first), load(t, a.target + first);
#pragma unroll
    for (int i = 0; i < many; i++) {
      const float weight = a.weight ? a.weight[(first + i) % a.width] : 1.0f;
      x[i] = Rule::slope(x[i], t[i], weight) * (each ? a.dloss[first + i] : factor);
    }
    store(a.dx + first, x);
  });
}

bool is_nan(float value) {
  return std::isnan(value);
}
bool is_nan(bf16 value) {
  return (value.bits & 0x7fff) > 0x7f80;
}

// Blocks depend on n alone, and with them the order of summation.
unsigned blocks_of(int64_t n) {
  return static_cast<unsigned>(std::clamp<int64_t>(n / (threads * at_once * 4), 1, most_blocks));
}

template <class Rule, class T, class U>
void forward(const Cuda& cuda, const LossForward<T, U>& a, const char* op) {
  if (a.target_host) {
    for (int64_t i = 0; i < a.n; i++) {
      if (is_nan(a.target_host[i])) fail_target(op, i, a.shape);
    }
  }
  const bool each = a.reduction == Reduction::none;
  if (each && a.n == 0) return;
  const bool fours =
      aligned_for<at_once>(a.x, 0) && aligned_for<at_once>(a.target, 0) && aligned_for<at_once>(a.loss, 0);
  const unsigned blocks = blocks_of(a.n);
  const Scratch<Partial> partials(cuda, blocks);
  launch(loss_forward_kernel<Rule, T, U>, blocks, threads, 0, cuda.stream, a, fours, partials.data());
  const double divisor = a.reduction == Reduction::mean ? static_cast<double>(a.n) : 1.0;
  launch(loss_total_kernel, 1, threads, 0, cuda.stream, partials.data(), static_cast<int>(blocks),
         each ? nullptr : a.loss, divisor, a.n);
  if (a.target_host || a.n == 0) return;
  long long first_nan = 0;
  const cudaStream_t stream = static_cast<cudaStream_t>(cuda.stream);
  check(cudaMemcpyAsync(&first_nan, &partials.data()->first_nan, sizeof first_nan, cudaMemcpyDeviceToHost,
                        stream),
        op);
  check(cudaStreamSynchronize(stream), op);
  if (first_nan < a.n) fail_target(op, first_nan, a.shape);
}

template <class Rule, class T, class U>
void backward(const Cuda& cuda, const LossBackward<T, U>& a) {
  if (a.n == 0) return;
  const bool fours =
      aligned_for<at_once>(a.x, 0) && aligned_for<at_once>(a.target, 0) && aligned_for<at_once>(a.dx, 0);
  launch(loss_backward_kernel<Rule, T, U>, blocks_of(a.n), threads, 0, cuda.stream, a, fours);
}

}  // namespace

template <class T, class U>
void mse_forward(Cuda cuda, const LossForward<T, U>& a) {
  forward<MseRule>(cuda, a, "mse");
}
template <class T, class U>
void mse_backward(Cuda cuda, const LossBackward<T, U>& a) {
  backward<MseRule>(cuda, a);
}
template <class T, class U>
void bce_with_logits_forward(Cuda cuda, const LossForward<T, U>& a) {
  forward<BceRule>(cuda, a, "bce_with_logits");
}
template <class T, class U>
void bce_with_logits_backward(Cuda cuda, const LossBackward<T, U>& a) {
  backward<BceRule>(cuda, a);
}

#define LOSSES_OF(T, U)                                                    \
  template void mse_forward(Cuda, const LossForward<T, U>& a);             \
  template void mse_backward(Cuda, const LossBackward<T, U>& a);           \
  template void bce_with_logits_forward(Cuda, const LossForward<T, U>& a); \
  template void bce_with_logits_backward(Cuda, const LossBackward<T, U>& a);
LOSSES_OF(float, float)
LOSSES_OF(float, bf16)
LOSSES_OF(bf16, float)
LOSSES_OF(bf16, bf16)
#undef LOSSES_OF

}  // namespace athanor
