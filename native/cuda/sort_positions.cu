// A radix sort of 8 bits a pass, least significant first. In a pass every block counts the digits of its
// tile, one block adds the counts up, digit by digit and tile by tile, and every block then puts its
// positions in their places. A warp takes a stretch of neighbours, 32 at a time: those with the same digit
// find each other (match) and take places in the order of their lanes, so equal keys never change their
// order. Positions move alone: their keys are looked up in each pass, from a table that stays in the
// second-level cache.
#include <algorithm>
#include <utility>

#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "cuda/sort_positions.h"

namespace athanor {

namespace {

constexpr int digit_bits = 8, digits = 1 << digit_bits;
constexpr int threads = 256, warps = threads / warp_size;
static_assert(threads == digits, "a thread for each digit");
constexpr int items = 8;  // of a thread
constexpr int tile = threads * items;
constexpr int scan_threads = 1024, scan_items = 4;

// Null stands for 0, 1, 2 ...: the order before the first pass.
__device__ int32_t position_at(const int32_t* order, int64_t i) {
  return order ? order[i] : static_cast<int32_t>(i);
}

// counts (digits, blocks).
__global__ void __launch_bounds__(threads) count_digits_kernel(const int32_t* keys, const int32_t* order,
                                                               int64_t count, int shift, int32_t* counts) {
  SHARED(int, found, [digits]);
  found[threadIdx.x] = 0;
  __syncthreads();
  for (int item = 0; item < items; item++) {
    const int64_t i = int64_t{blockIdx.x} * tile + item * threads + threadIdx.x;
    if (i < count) atomicAdd(&found[keys[position_at(order, i)] >> shift & (digits - 1)], 1);
  }
  __syncthreads();
  counts[int64_t{threadIdx.x} * gridDim.x + blockIdx.x] = found[threadIdx.x];
}

// The sum of the lanes up to this one.
__device__ int sum_of_lanes(int value) {
  const int lane = threadIdx.x % warp_size;
  for (int offset = 1; offset < warp_size; offset *= 2) {
    const int other = __shfl_up_sync(full_mask, value, offset);
    if (lane >= offset) value += other;
  }
  return value;
}

// One block: every count becomes the sum of all before it. n is a multiple of scan_items.
__global__ void __launch_bounds__(scan_threads) scan_counts_kernel(int32_t* counts, int64_t n) {
  SHARED(int, sums, [scan_threads / warp_size]);
  const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  int before = 0;  // of this round
  for (int64_t first = 0; first < n; first += scan_threads * scan_items) {
    const int64_t at = first + threadIdx.x * scan_items;
    int value[scan_items], mine = 0;
    for (int i = 0; i < scan_items; i++) {
      value[i] = at < n ? counts[at + i] : 0;
      mine += value[i];
    }
    const int up_to = sum_of_lanes(mine);
    if (lane == warp_size - 1) sums[warp] = up_to;
    __syncthreads();
    const int warps_up_to = sum_of_lanes(sums[lane]);  // as many warps as lanes
    const int of_warp = __shfl_sync(full_mask, warps_up_to - sums[lane], warp);
    int place = before + of_warp + up_to - mine;
    for (int i = 0; i < scan_items && at < n; i++) {
      counts[at + i] = place;
      place += value[i];
    }
    before += __shfl_sync(full_mask, warps_up_to, warp_size - 1);
    __syncthreads();  // before the next round writes its sums
  }
}

// places: what scan_counts made of the counts.
__global__ void __launch_bounds__(threads)
    place_positions_kernel(const int32_t* keys, const int32_t* from, int64_t count, int shift,
                           const int32_t* places, int32_t* to) {
  SHARED(int, place, [warps][digits]);  // the digits that a warp has seen, then where its first one goes
  const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  for (int w = 0; w < warps; w++) place[w][threadIdx.x] = 0;
  __syncthreads();
  int32_t position[items];
  int digit[items], rank[items];
#pragma unroll
  for (int item = 0; item < items; item++) {
    const int64_t i = int64_t{blockIdx.x} * tile + (warp * items + item) * warp_size + lane;
    position[item] = i < count ? position_at(from, i) : 0;
    digit[item] = i < count ? keys[position[item]] >> shift & (digits - 1) : -1;
    const unsigned same = __match_any_sync(full_mask, digit[item]);
    rank[item] = __popc(same & ((1u << lane) - 1));
    const int seen = digit[item] < 0 ? 0 : place[warp][digit[item]];
    __syncwarp();
    if (digit[item] >= 0 && rank[item] == 0) place[warp][digit[item]] = seen + __popc(same);
    __syncwarp();
    rank[item] += seen;
  }
  __syncthreads();
  int next = places[int64_t{threadIdx.x} * gridDim.x + blockIdx.x];
  for (int w = 0; w < warps; w++) {
    const int seen = place[w][threadIdx.x];
    place[w][threadIdx.x] = next;
    next += seen;
  }
  __syncthreads();
#pragma unroll
  for (int item = 0; item < items; item++) {
    if (digit[item] >= 0) to[place[warp][digit[item]] + rank[item]] = position[item];
  }
}

// starts[key] = how many keys are smaller, for keys 0..bound.
__global__ void __launch_bounds__(threads) key_starts_kernel(const int32_t* keys, const int32_t* order,
                                                             int64_t count, int64_t bound, int32_t* starts) {
  const int64_t key = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (key > bound) return;
  int64_t first = 0, last = count;
  while (first < last) {
    const int64_t middle = (first + last) / 2;
    if (keys[order[middle]] < key) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  starts[key] = static_cast<int32_t>(first);
}

int passes_for(int64_t bound) {
  int passes = 1;
  while (bound - 1 >> passes * digit_bits > 0) passes++;
  return passes;
}

}  // namespace

void sort_positions(const Cuda& cuda, const int32_t* keys, int64_t count, int64_t bound, int32_t* order,
                    int32_t* starts) {
  const int passes = passes_for(bound);
  const unsigned blocks = blocks_for(static_cast<size_t>(count), tile);
  const Scratch<int32_t> other(cuda, passes > 1 ? count : 0), counts(cuda, int64_t{digits} * blocks);
  // By turns from one to the other, so that the last pass writes to `order`.
  int32_t *to = passes % 2 ? order : other.data(), *next = passes % 2 ? other.data() : order;
  const int32_t* from = nullptr;
  for (int pass = 0; pass < passes && count > 0; pass++) {
    const int shift = pass * digit_bits;
    launch(count_digits_kernel, blocks, threads, 0, cuda.stream, keys, from, count, shift, counts.data());
    launch(scan_counts_kernel, 1, scan_threads, 0, cuda.stream, counts.data(), int64_t{digits} * blocks);
    launch(place_positions_kernel, blocks, threads, 0, cuda.stream, keys, from, count, shift, counts.data(),
           to);
    from = to;
    std::swap(to, next);
  }
  if (!starts) return;
  launch(key_starts_kernel, blocks_for(static_cast<size_t>(bound) + 1, threads), threads, 0, cuda.stream,
         keys, order, count, bound, starts);
}

}  // namespace athanor
