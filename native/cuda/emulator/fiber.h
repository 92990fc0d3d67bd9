// Stacks that take turns on one operating-system thread. A fiber is made once and kept for ever; switching
// saves the registers that a function call must preserve and nothing else. The address and thread sanitizers
// are told of every switch.
#pragma once

#include <cstddef>

namespace emulated {

struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;  // lowest address; null for the thread that launches
  size_t size = 0;
  void* fake_stack = nullptr;  // of the address sanitizer
  void* thread = nullptr;      // of the thread sanitizer
};

// A stack with a guard page below it; false where there is no memory.
bool make_stack(Fiber& fiber);
// The first switch to the fiber will call entry, which must never return.
void prepare(Fiber& fiber, void (*entry)());
// Describes the calling thread, so that fibers can switch back to it.
void describe_thread(Fiber& fiber);
// To be called first of all by entry.
void fiber_began();
void switch_to(Fiber& from, Fiber& to);

// Happens-before edges for the race detector: what came before a release is visible after an acquire of the
// key.
void release(void* key);
void acquire(void* key);
// The same as if a fiber that will not run again had released; called on the host's stack.
void release_for(Fiber& fiber, Fiber& host, void* key);

}  // namespace emulated
