// cp.async: with an even seed the bytes arrive when they are waited for, the latest moment that hardware
// allows, with an odd one at once, the earliest.
#include <algorithm>

#include "cuda/emulator/block.h"

namespace emulated {
namespace {

struct alignas(16) Sixteen {
  uint64_t words[2];
};

// Whole accesses where possible, so that the sanitizers see what hardware does.
void carry_out(const Copy& copy) {
  if (copy.bytes == 16) {
    *static_cast<Sixteen*>(copy.to) = *static_cast<const Sixteen*>(copy.from);
    return;
  }
  unsigned char* to = static_cast<unsigned char*>(copy.to);
  const unsigned char* from = static_cast<const unsigned char*>(copy.from);
  for (int i = 0; i < copy.size; i++) to[i] = i < copy.bytes ? from[i] : 0;
}

}  // namespace

void copy_async(void* shared, const void* global, int size, int bytes, Place place) {
  const unsigned mask = static_cast<unsigned>(size) - 1;
  if (bytes < 0 || bytes > size) fail(place, "an asynchronous copy of %d bytes, needed 0 to %d", bytes, size);
  if (!is_shared(shared, static_cast<size_t>(size)))
    fail(place, "an asynchronous copy to memory that is not shared");
  if (reinterpret_cast<uintptr_t>(shared) & mask) {
    fail(place, "an asynchronous copy to an address that is not a multiple of %d", size);
  }
  if (reinterpret_cast<uintptr_t>(global) & mask) {
    fail(place, "an asynchronous copy from an address that is not a multiple of %d", size);
  }
  if (bytes > 0 && is_shared(global, static_cast<size_t>(bytes)))
    fail(place, "an asynchronous copy from shared memory");
  current->copies.push_back({shared, global, size, bytes, current->copy_groups, place});
  if (block.copies_at_once) carry_out(current->copies.back());
}

void copy_async_commit() {
  current->copy_groups++;
}

void copy_async_wait(int pending) {
  Lane& me = *current;
  if (me.copy_groups <= static_cast<unsigned>(pending)) return;
  const unsigned below = me.copy_groups - static_cast<unsigned>(pending);
  size_t done = 0;
  while (done < me.copies.size() && me.copies[done].group < below) {
    if (!block.copies_at_once) carry_out(me.copies[done]);
    done++;
  }
  me.copies.erase(me.copies.begin(), me.copies.begin() + static_cast<std::ptrdiff_t>(done));
}

void check_no_copies() {
  if (!current->copies.empty()) {
    fail(current->copies[0].place, "a thread ends before its asynchronous copy was waited for");
  }
}

}  // namespace emulated
