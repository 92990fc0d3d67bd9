// top_k.h on CUDA, two launches. A block takes a row: floats become integers in the same order, and a radix
// selection from the most significant digit down finds the k-th largest (Alabi et al., "Fast k-selection
// algorithms for graphics processing units", 2012); what is above it, and as many equals as are missing, the
// first of the row, are collected. Then every candidate of a group counts those that beat it, which is its
// place in the result: nothing depends on the order in which threads came along.
#include <algorithm>

#include "cuda/online_softmax.h"
#include "cuda/scratch.h"
#include "ops/top_k/gumbel.h"
#include "ops/top_k/ordered_keys.h"
#include "ops/top_k/top_k.h"

namespace athanor {

namespace {

constexpr int threads = BlockTeam::most_threads;
constexpr int digit_bits = 11, digits = 1 << digit_bits;
constexpr int digits_each = digits / threads;
constexpr int rank_threads = 256;

// Larger is better: the key, then the smaller index within the group.
using Order = unsigned long long;

struct Candidates {
  Order* order;   // (rows, k of a row)
  float* values;  // (rows, k of a row)
  int of_row;
};

// f of one row.
struct RowValue {
  float max = 0.0f, log_sum = 0.0f, score = 0.0f;
  bool log_softmax, scored;

  __device__ float of(float x) const {
    if (log_softmax) x = x - max - log_sum;
    return scored ? x + score : x;
  }
};

template <class T>
__device__ uint32_t key_at(const TopK<T>& a, int64_t row, int column, float f) {
  if (!a.draw) return key_of(f);
  return key_of(f + gumbel(a.seed, a.call, static_cast<uint64_t>(row * a.width + column)));
}

// The digit of the `need`-th largest, counted from the largest; `need` becomes its rank among those with that
// digit. All threads of the block call it, and get the result.
__device__ int digit_of_rank(const int* counts, int& need) {
  constexpr int warps = threads / warp_size;
  SHARED(int, totals, [warps]);
  SHARED(int, found, [2]);
  const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  const int largest = digits - 1 - static_cast<int>(threadIdx.x) * digits_each;  // of this thread
  int mine = 0;
  for (int i = 0; i < digits_each; i++) mine += counts[largest - i];
  int up_to = mine;
  for (int offset = 1; offset < warp_size; offset *= 2) {
    const int other = __shfl_up_sync(full_mask, up_to, offset);
    if (lane >= offset) up_to += other;
  }
  if (lane == warp_size - 1) totals[warp] = up_to;
  __syncthreads();
  int above = up_to - mine;
  for (int w = 0; w < warp; w++) above += totals[w];
  if (above < need && above + mine >= need) {  // in one thread alone
    int digit = largest;
    for (; above + counts[digit] < need; digit--) above += counts[digit];
    found[0] = digit;
    found[1] = need - above;
  }
  __syncthreads();
  need = found[1];
  const int digit = found[0];
  __syncthreads();  // before they are written again
  return digit;
}

template <class T>
__global__ void __launch_bounds__(threads) top_k_rows_kernel(TopK<T> a, Candidates to) {
  BlockTeam team;
  const int64_t row = blockIdx.x;
  const T* x = a.x + row * a.x_stride;
  const int n = static_cast<int>(a.width);
  const RowCut cut = cut_rows(n, x);
  RowValue value;
  value.log_softmax = a.log_softmax, value.scored = a.scores != nullptr;
  if (value.scored) value.score = a.scores[row];
  if (a.log_softmax) {
    OnlineSoftmax<float> seen;
    for_values(team, cut, x, [&](int, const auto& v) { seen.add(v); });
    seen.combine(team);
    value.max = seen.max, value.log_sum = logf(seen.divisor());
  }
  const auto each_key = [&](const auto& body) {
    for_values(team, cut, x, [&](int column, const auto& v) {
#pragma unroll
      for (int i = 0; i < static_cast<int>(sizeof v / sizeof v[0]); i++) {
        const float f = value.of(v[i]);
        body(column + i, f, key_at(a, row, column + i, f));
      }
    });
  };

  SHARED(int, counts, [digits]);
  uint32_t known = 0, mask = 0;  // the digits of the k-th largest that are known
  int need = to.of_row;          // its rank among the keys with these digits
#pragma unroll 1                 // three copies of the row's loop spill
  for (int pass = 0; pass < 3; pass++) {
    const int shift = pass == 0 ? 21 : pass == 1 ? 10 : 0;
    for (int i = static_cast<int>(threadIdx.x); i < digits; i += threads) counts[i] = 0;
    __syncthreads();
    each_key([&](int, float, uint32_t key) {
      if ((key & mask) == known) atomicAdd(&counts[(key & ~mask) >> shift], 1);
    });
    __syncthreads();
    const uint32_t digit = static_cast<uint32_t>(digit_of_rank(counts, need));
    known |= digit << shift;
    mask = ~0u << shift;
  }

  SHARED(int, collected, [1]);
  if (threadIdx.x == 0) collected[0] = 0;
  __syncthreads();
  const uint32_t before = static_cast<uint32_t>(row % a.group * a.width);
  const int64_t first = row * to.of_row;
  const auto put = [&](int place, int column, float f, uint32_t key) {
    to.order[first + place] =
        Order{key} << 32 | static_cast<uint32_t>(~(before + static_cast<uint32_t>(column)));
    to.values[first + place] = f;
  };
  each_key([&](int column, float f, uint32_t key) {
    if (key > known) put(atomicAdd(&collected[0], 1), column, f, key);
  });
  const int above = to.of_row - need;
  const auto value_at = [&](int column) { return value.of(to_float(x[column])); };
  in_order<threads>(
      n, need, [&](int column) { return key_at(a, row, column, value_at(column)) == known; },
      [&](int column, int place) { put(above + place, column, value_at(column), known); });
}

// Blocks along y share a group's candidates, which are distinct.
__global__ void __launch_bounds__(rank_threads)
    rank_candidates_kernel(Candidates from, int64_t group, int k, float* values, int32_t* indices) {
  const int64_t count = group * from.of_row, first = blockIdx.x * count, to = int64_t{blockIdx.x} * k;
  const int64_t step = int64_t{gridDim.y} * rank_threads;
  for (int64_t i = int64_t{blockIdx.y} * rank_threads + threadIdx.x; i < count; i += step) {
    const Order mine = from.order[first + i];
    int rank = 0;
    for (int64_t j = 0; j < count && rank < k; j++) rank += from.order[first + j] > mine;
    if (rank >= k) continue;
    values[to + rank] = from.values[first + i];
    indices[to + rank] = static_cast<int32_t>(~static_cast<uint32_t>(mine));
  }
}

}  // namespace

template <class T>
void top_k(Cuda cuda, const TopK<T>& a) {
  if (a.rows == 0) return;
  check_row_width("top_k", a.width);
  const int64_t of_row = std::min(a.k, a.width);
  const Scratch<Order> order(cuda, a.rows * of_row);
  const Scratch<float> values(cuda, a.rows * of_row);
  const Candidates candidates{order.data(), values.data(), static_cast<int>(of_row)};
  launch(top_k_rows_kernel<T>, static_cast<unsigned>(a.rows), threads, 0, cuda.stream, a, candidates);
  const unsigned pieces = std::min(blocks_for(static_cast<size_t>(a.group * of_row), rank_threads), 64u);
  launch(rank_candidates_kernel, dim3(static_cast<unsigned>(a.rows / a.group), pieces), rank_threads, 0,
         cuda.stream, candidates, a.group, static_cast<int>(a.k), a.values, a.indices);
}

template void top_k(Cuda, const TopK<float>&);
template void top_k(Cuda, const TopK<bf16>&);

}  // namespace athanor
