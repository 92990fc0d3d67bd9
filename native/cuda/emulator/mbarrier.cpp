// Barriers in shared memory and the copies that count for them. Compiled without the instrumentation of the
// thread sanitizer, as run.cpp: an arrival releases the key of its phase, whose end lets the waiting acquire
// it.
#include "cuda/emulator/mbarrier.h"

namespace emulated {
namespace {

struct Barrier {
  const void* address;
  int count, missing;  // arrivals
  int64_t bytes;       // expected and not yet copied
  unsigned phase;
  char keys[2];
};

constexpr int most_barriers = 64, most_transfers = 256;
Barrier barriers[most_barriers];
Transfer transfers[most_transfers];
int barrier_count, transfer_count;

Barrier& barrier_at(const void* address, Place place) {
  for (int i = 0; i < barrier_count; i++) {
    if (barriers[i].address == address) return barriers[i];
  }
  fail(place, "an mbarrier that was not initialised");
}

bool somebody_waits(const Barrier& barrier) {
  for (int t = 0; t < block.threads; t++) {
    const Lane& lane = *block.lanes[t];
    if (lane.state == State::in_mbarrier && lane.waits_for == barrier.address) return true;
  }
  return false;
}

void end_phase_if_complete(Barrier& barrier) {
  if (barrier.missing > 0 || barrier.bytes != 0) return;
  barrier.phase++;
  barrier.missing = barrier.count;
  for (int t = 0; t < block.threads; t++) {
    Lane& lane = *block.lanes[t];
    if (lane.state == State::in_mbarrier && lane.waits_for == barrier.address) wake(lane);
  }
}

// In the order in which they were asked for. Returns whether there were any.
bool carry_out_transfers(Barrier& barrier) {
  char* key = &barrier.keys[barrier.phase % 2];
  int kept = 0;
  bool any = false;
  for (int i = 0; i < transfer_count; i++) {
    if (transfers[i].barrier != barrier.address) {
      transfers[kept++] = transfers[i];
      continue;
    }
    acquire(key);
    barrier.bytes -= carry_out(transfers[i]);
    release(key);
    any = true;
  }
  transfer_count = kept;
  if (any) end_phase_if_complete(barrier);
  return any;
}

}  // namespace

void begin_mbarriers() {
  barrier_count = transfer_count = 0;
}

void check_no_transfers() {
  if (transfer_count > 0) {
    fail(transfers[0].place, "a block ends before a copy by TMA was waited for");
  }
}

MissingArrivals missing_arrivals(const void* address) {
  for (int i = 0; i < barrier_count; i++) {
    if (barriers[i].address == address) return {barriers[i].missing, barriers[i].bytes};
  }
  return {0, 0};
}

void mbarrier_init(void* address, int count, Place place) {
  if (!is_shared(address, 8) || reinterpret_cast<uintptr_t>(address) % 8 != 0)
    fail(place, "an mbarrier must be eight aligned bytes of shared memory");
  if (count < 1) fail(place, "an mbarrier for %d arrivals", count);
  if (barrier_count == most_barriers) fail(place, "more than %d mbarriers", most_barriers);
  *static_cast<volatile uint64_t*>(address) = static_cast<uint64_t>(count);  // for the address sanitizer
  barriers[barrier_count++] = {address, count, count, 0, 0, {0, 0}};
}

void mbarrier_arrive(void* address, int bytes, Place place) {
  Barrier& barrier = barrier_at(address, place);
  if (barrier.missing == 0) fail(place, "an arrival more than the mbarrier has in a phase");
  release(&barrier.keys[barrier.phase % 2]);
  barrier.bytes += bytes;
  barrier.missing--;
  end_phase_if_complete(barrier);
}

void mbarrier_wait(void* address, int parity, Place place) {
  Barrier& barrier = barrier_at(address, place);
  while (static_cast<int>(barrier.phase % 2) == parity) {
    if (carry_out_transfers(barrier)) continue;
    current->waits_for = address;
    wait_as(State::in_mbarrier, place);
  }
  acquire(&barrier.keys[parity]);
}

void add_transfer(const Transfer& transfer) {
  Barrier& barrier = barrier_at(transfer.barrier, transfer.place);
  if (transfer_count == most_transfers) fail(transfer.place, "more than %d copies", most_transfers);
  release(&barrier.keys[barrier.phase % 2]);
  transfers[transfer_count++] = transfer;
  if (block.copies_at_once || somebody_waits(barrier)) carry_out_transfers(barrier);
}

}  // namespace emulated
