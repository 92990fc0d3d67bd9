// Shared memory: the bytes of the launch first, then the fixed arrays in the order in which they are first
// reached, with gaps that the address sanitizer watches. All of it is NaN when a block begins.
#include "cuda/emulator/block.h"
#include "cuda/emulator/hopper.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace emulated {
namespace {

constexpr size_t arena_bytes = 512 * 1024, gap = 128;
constexpr size_t most_fixed_bytes = 48 * 1024;
constexpr uint32_t window_start = 1024 + 128;
alignas(128) unsigned char arena[arena_bytes];

size_t rounded(size_t bytes) {
  return (bytes + 127) / 128 * 128;
}

// Whole words and no memset: the race detector must not see it.
void fill(unsigned char* from, size_t bytes) {
  uint64_t* words = reinterpret_cast<uint64_t*>(from);
  for (size_t i = 0; i < rounded(bytes) / 8; i++) {
    words[i] = ~uint64_t{0};
    asm volatile("" : : : "memory");
  }
}

size_t fixed_bytes;

}  // namespace

void begin_shared_memory() {
  ASAN_UNPOISON_MEMORY_REGION(arena, block.shared_dirty);
  fill(arena, block.dynamic_bytes);
  block.shared_used = rounded(block.dynamic_bytes) + gap;
  block.shared_dirty = std::max(block.shared_dirty, block.shared_used);
  fixed_bytes = 0;
  ASAN_POISON_MEMORY_REGION(arena, block.shared_dirty);
  ASAN_UNPOISON_MEMORY_REGION(arena, block.dynamic_bytes);
}

void* dynamic_shared() {
  return arena;
}

void* shared_memory(SharedPlace& place, size_t bytes) {
  if (place.block == block.number) return place.address;
  unsigned char* address = arena + block.shared_used;
  fixed_bytes += bytes;
  if (fixed_bytes > most_fixed_bytes) {
    fail({"shared memory", 0}, "%zu bytes of fixed arrays, and a block has at most %zu", fixed_bytes,
         most_fixed_bytes);
  }
  ASAN_UNPOISON_MEMORY_REGION(address, rounded(bytes));
  fill(address, bytes);
  ASAN_POISON_MEMORY_REGION(address, rounded(bytes) + gap);
  ASAN_UNPOISON_MEMORY_REGION(address, bytes);
  block.shared_used += rounded(bytes) + gap;
  block.shared_dirty = std::max(block.shared_dirty, block.shared_used);
  place.address = address;
  place.block = block.number;
  return address;
}

uint32_t shared_address(const void* pointer) {
  return window_start + static_cast<uint32_t>(static_cast<const unsigned char*>(pointer) - arena);
}

unsigned char* shared_pointer(uint32_t address) {
  return arena + (address - window_start);
}

bool is_shared(const void* pointer, size_t bytes) {
  const uintptr_t from = reinterpret_cast<uintptr_t>(pointer), start = reinterpret_cast<uintptr_t>(arena);
  return from >= start && from + bytes <= start + arena_bytes;
}

}  // namespace emulated
