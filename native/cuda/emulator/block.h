// The state of the block that runs: its lanes, warps and shared memory. Inside of the emulator only.
#pragma once

#include <algorithm>
#include <cstdarg>
#include <vector>

#include "cuda/emulator/fiber.h"
#include "cuda/emulator/run.h"

namespace emulated {

constexpr int most_threads = 1024, most_warps = most_threads / 32;

enum class State : uint8_t { ready, in_warp, in_block, in_mbarrier, ended };

struct Copy {
  void* to;
  const void* from;
  int size, bytes;  // `bytes` are read, the rest becomes zero
  unsigned group;
  Place place;
};

// Of wgmma, under way: the lane's two rows of a, taken or still in shared memory, by b.
struct Product {
  float* d;
  int columns;
  uint64_t a, b;
  bool a_transposed, b_transposed, rows_taken;
  unsigned group;
  float rows[2][16];
  Place place;
};

struct Lane {
  Fiber fiber;
  uint3 index;
  int warp, number;  // number within the warp
  State state;
  Operation operation;
  Place place;
  unsigned mask;
  unsigned meetings, barriers;  // how many this thread took part in
  unsigned copy_groups;         // committed
  std::vector<Copy> copies;     // not yet waited for
  unsigned product_groups;      // committed
  std::vector<Product> products;
  const void* waits_for;  // an mbarrier
  Deposit partial[32];    // what a meeting of some lanes gave
};

// Bits of `ready` are positions in the order in which lanes run, all others lane numbers.
struct Warp {
  unsigned existing, ready, waiting;
  uint8_t lane_at[32], position_of[32];
  Deposit deposits[3][32];  // meetings of all lanes take turns with the first two
  char keys[4];
};

struct Block {
  Warp warps[most_warps];
  Lane* lanes[most_threads];
  int threads = 0, warp_count = 0, fibers = 0;
  unsigned ready_warps = 0;  // by position
  uint8_t warp_at[most_warps], position_of[most_warps];

  int at_barrier = 0, ended = 0;
  int counts[3];  // of __syncthreads_count and its like, by barrier number
  char barrier_keys[2], begin_key, end_key;

  uint64_t number = 0;  // counts blocks over the life of the process
  size_t dynamic_bytes = 0, shared_used = 0, shared_dirty = 0;
  bool copies_at_once = false;

  Fiber host;
  void (*body)(void*) = nullptr;
  void* context = nullptr;
  bool failed = false;
};

extern Block block;
extern Lane* current;

// run.cpp: lets others run until somebody wakes this lane.
void wait_as(State state, Place place);
void wake(Lane& lane);
// shared.cpp
void begin_shared_memory();
// sentence.cpp: what keeps the block from going on.
[[noreturn]] void fail_deadlock();
[[noreturn]] void fail_apart(const Lane& one, const Lane& other, const char* what);
void set_failure(const char* format, ...) __attribute__((format(printf, 1, 2)));
void add_failure(const char* format, ...) __attribute__((format(printf, 1, 2)));
void add_failure(const char* format, va_list arguments);
// copy_async.cpp
void check_no_copies();
// warpgroup.cpp
void check_no_products();
// mbarrier.cpp
struct MissingArrivals {
  int arrivals;
  int64_t bytes;
};
MissingArrivals missing_arrivals(const void* barrier);
void begin_mbarriers();
void check_no_transfers();
// host_calls.cpp
cudaError_t record_failure(cudaError_t error);
cudaError_t sticky_failure();
cudaError_t failure_when_waiting();  // also that of a launch whose fault nobody has waited for yet
bool launch_faults();                // whether this launch is the one of CUDA_EMULATION_FAULT
size_t shared_limit(const void* kernel);
// Ends the launch with the sentence that was set; called on a lane's stack or on the launching thread's.
[[noreturn]] void leave_block();

}  // namespace emulated
