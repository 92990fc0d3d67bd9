// Blocks one after the other; in a block warp by warp, each lane until it must wait. Compiled without the
// instrumentation of the thread sanitizer, which is told of the order by keys: released before every meeting,
// acquired after it. Keys alternate between consecutive meetings, as with a single one the later release of a
// fast thread would hide the race of a slow one.
#include "cuda/emulator/run.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <numeric>

#include "cuda/emulator/block.h"
#include "cuda/emulator/protected_memory.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulated {

Block block;
Lane* current;

namespace {

constexpr uint64_t seed_unset = ~uint64_t{0};
uint64_t seed_value = seed_unset;

// A fixed sequence for each seed (splitmix64, Steele, Lea and Flood, 2014).
struct Shuffle {
  uint64_t state;

  uint64_t next() {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }

  template <class T>
  void order(T* values, size_t count) {
    std::iota(values, values + count, T(0));
    if (seed_value == 0) return;
    if (seed_value == 1) return std::reverse(values, values + count);
    for (size_t i = count; i > 1; i--) std::swap(values[i - 1], values[next() % i]);
  }
};

void switch_lane(Fiber& from, Lane* to) {
  current = to;
  threadIdx = to->index;
  switch_to(from, to->fiber);
}

Lane* first_ready() {
  if (block.ready_warps == 0) return nullptr;
  const int w = block.warp_at[__builtin_ctz(block.ready_warps)];
  const Warp& warp = block.warps[w];
  return block.lanes[w * 32 + warp.lane_at[__builtin_ctz(warp.ready)]];
}

void set_waiting(Lane& lane, State state, Place place) {
  lane.state = state;
  lane.place = place;
  Warp& warp = block.warps[lane.warp];
  warp.ready &= ~(1u << warp.position_of[lane.number]);
  if (warp.ready == 0) block.ready_warps &= ~(1u << block.position_of[lane.warp]);
}

void set_ready(Lane& lane) {
  lane.state = State::ready;
  Warp& warp = block.warps[lane.warp];
  warp.ready |= 1u << warp.position_of[lane.number];
  block.ready_warps |= 1u << block.position_of[lane.warp];
}

// Goes on with the current warp while one of its lanes can run, then with the first warp that can.
void run_others() {
  Lane& me = *current;
  const Warp& warp = block.warps[me.warp];
  Lane* next =
      warp.ready ? block.lanes[me.warp * 32 + warp.lane_at[__builtin_ctz(warp.ready)]] : first_ready();
  if (next == &me) return;
  if (next) return switch_lane(me.fiber, next);
  if (block.ended < block.threads) fail_deadlock();
  switch_to(me.fiber, block.host);
}

[[noreturn]] void run_lane() {
  fiber_began();
  for (;;) {
    acquire(&block.begin_key);
    block.body(block.context);
    check_no_copies();
    check_no_products();
    if (block.ended + 1 == block.threads) check_no_transfers();
    release(&block.end_key);
    block.ended++;
    set_waiting(*current, State::ended, {nullptr, 0});
    run_others();
  }
}

void gather(unsigned mask, Operation operation, Place place, char* key) {
  Lane& me = *current;
  Warp& warp = block.warps[me.warp];
  me.mask = mask;
  me.operation = operation;
  release(key);
  warp.waiting |= 1u << me.number;
  set_waiting(me, State::in_warp, place);
  if ((warp.waiting & mask) == mask) {
    for (unsigned rest = mask; rest; rest &= rest - 1) {
      Lane& other = *block.lanes[me.warp * 32 + __builtin_ctz(rest)];
      if (other.mask != mask || other.operation != operation || other.place.line != place.line)
        fail_apart(me, other, "lanes of a warp are in different warp operations or have different masks");
      set_ready(other);
    }
    warp.waiting &= ~mask;
  }
  run_others();
  acquire(key);
}

bool make_lanes(int threads) {
  while (block.fibers < threads) {
    Lane* lane = new Lane();
    if (!make_stack(lane->fiber)) {
      delete lane;
      return false;
    }
    prepare(lane->fiber, run_lane);
    lane->warp = block.fibers / 32;
    lane->number = block.fibers % 32;
    block.lanes[block.fibers++] = lane;
  }
  return true;
}

void begin_warp(int w, Shuffle& shuffle) {
  Warp& warp = block.warps[w];
  const int lanes = std::min(32, block.threads - w * 32);
  warp.existing = lanes == 32 ? ~0u : (1u << lanes) - 1;
  warp.waiting = 0;
  warp.ready = warp.existing;
  shuffle.order(warp.lane_at, static_cast<size_t>(lanes));
  for (int i = 0; i < lanes; i++) warp.position_of[warp.lane_at[i]] = static_cast<uint8_t>(i);
}

void begin_block(dim3 size, Shuffle& shuffle) {
  block.number++;
  block.warp_count = (block.threads + 31) / 32;
  shuffle.order(block.warp_at, static_cast<size_t>(block.warp_count));
  for (int w = 0; w < block.warp_count; w++) {
    block.position_of[block.warp_at[w]] = static_cast<uint8_t>(w);
    begin_warp(w, shuffle);
  }
  block.ready_warps = block.warp_count == 32 ? ~0u : (1u << block.warp_count) - 1;
  block.at_barrier = block.ended = 0;
  block.counts[0] = block.counts[1] = block.counts[2] = 0;
  for (int t = 0; t < block.threads; t++) {
    Lane& lane = *block.lanes[t];
    const unsigned i = static_cast<unsigned>(t);
    lane.index = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    lane.state = State::ready;
    lane.meetings = lane.barriers = lane.copy_groups = lane.product_groups = 0;
    lane.copies.clear();
    lane.products.clear();
  }
  begin_shared_memory();
  begin_mbarriers();
}

// The abandoned stacks start anew at the next launch.
void abandon_block() {
  for (int t = 0; t < block.threads; t++) release_for(block.lanes[t]->fiber, block.host, &block.end_key);
  acquire(&block.end_key);
  for (int t = 0; t < block.threads; t++) prepare(block.lanes[t]->fiber, run_lane);
}

void run_blocks(dim3 grid, dim3 size) {
  Shuffle shuffle{seed()};
  std::vector<uint64_t> order(size_t{grid.x} * grid.y * grid.z);
  shuffle.order(order.data(), order.size());
  for (uint64_t i : order) {
    blockIdx = {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                static_cast<unsigned>(i / (size_t{grid.x} * grid.y))};
    begin_block(size, shuffle);
    release(&block.begin_key);
    switch_lane(block.host, first_ready());
    if (block.failed) return abandon_block();
    acquire(&block.end_key);
  }
}

cudaError_t refused(const char* what, dim3 grid, dim3 size, size_t shared_bytes) {
  set_failure("launch: %s; grid (%u, %u, %u), block (%u, %u, %u), %zu bytes of shared memory", what, grid.x,
              grid.y, grid.z, size.x, size.y, size.z, shared_bytes);
  return record_failure(cudaErrorInvalidConfiguration);
}

std::mutex& run_mutex() {
  static std::mutex* mutex = new std::mutex();
  return *mutex;
}

}  // namespace

void wait_as(State state, Place place) {
  set_waiting(*current, state, place);
  run_others();
}

void wake(Lane& lane) {
  set_ready(lane);
}

void set_seed(uint64_t seed) {
  seed_value = seed;
}

uint64_t seed() {
  if (seed_value == seed_unset) {
    const char* wanted = std::getenv("CUDA_EMULATION_SEED");
    seed_value = wanted ? std::strtoull(wanted, nullptr, 10) : 0;
  }
  return seed_value;
}

int lane_index() {
  return current->number;
}

void leave_block() {
  block.failed = true;
  switch_to(current->fiber, block.host);
  __builtin_unreachable();
}

int barrier(int count, Place place) {
  Lane& me = *current;
  const unsigned number = me.barriers++;
  block.counts[number % 3] += count;
  release(&block.barrier_keys[number % 2]);
  set_waiting(me, State::in_block, place);
  if (++block.at_barrier == block.threads) {
    block.at_barrier = 0;
    block.counts[(number + 1) % 3] = 0;
    for (int t = 0; t < block.threads; t++) {
      Lane& other = *block.lanes[t];
      if (other.place.line != place.line) fail_apart(me, other, "a block is at two barriers");
      set_ready(other);
    }
  }
  run_others();
  acquire(&block.barrier_keys[number % 2]);
  return block.counts[number % 3];
}

const Deposit* meet(unsigned mask, Operation operation, Place place, const uint32_t* words, int count) {
  Lane& me = *current;
  Warp& warp = block.warps[me.warp];
  if (!(mask >> me.number & 1u)) fail(place, "a warp operation by a lane outside its mask %08x", mask);
  mask &= warp.existing;
  const bool whole = mask == warp.existing;
  const unsigned slot = whole ? me.meetings++ % 2 : 2;
  Deposit* deposits = warp.deposits[slot];
  for (int i = 0; i < count; i++) deposits[me.number].word[i] = words[i];
  gather(mask, operation, place, &warp.keys[slot]);
  if (whole) return deposits;
  // Lanes of another mask may use the slot next, so everybody takes a copy before anybody goes on.
  for (int lane = 0; lane < 32; lane++) me.partial[lane] = deposits[lane];
  gather(mask, operation, place, &warp.keys[3]);
  return me.partial;
}

cudaError_t run(const void* kernel, dim3 grid, dim3 size, size_t shared_bytes, void (*body)(void*),
                void* context) {
  std::lock_guard<std::mutex> lock(run_mutex());
  if (cudaError_t before = sticky_failure()) return before;
  const size_t threads = size_t{size.x} * size.y * size.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || threads == 0)
    return refused("no threads", grid, size, shared_bytes);
  if (grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535)
    return refused("grid too large", grid, size, shared_bytes);
  if (size.x > 1024 || size.y > 1024 || size.z > 64 || threads > most_threads) {
    return refused("more than 1024 threads in a block", grid, size, shared_bytes);
  }
  if (shared_bytes > shared_limit(kernel)) return refused("too much shared memory", grid, size, shared_bytes);
  if (!make_lanes(static_cast<int>(threads))) return record_failure(cudaErrorMemoryAllocation);

  gridDim = grid;
  blockDim = size;
  if (launch_faults()) return cudaSuccess;
  block.threads = static_cast<int>(threads);
  block.dynamic_bytes = shared_bytes;
  block.copies_at_once = seed() % 2 == 1;
  block.body = body;
  block.context = context;
  block.failed = false;
  describe_thread(block.host);
  const DeviceMemoryOpen open;
  run_blocks(grid, size);
  return block.failed ? record_failure(cudaErrorLaunchFailure) : cudaSuccess;
}

}  // namespace emulated
