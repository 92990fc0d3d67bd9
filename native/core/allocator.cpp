#include "core/allocator.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(_WIN32)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/error.h"
#include "core/system.h"

namespace athanor {

namespace {

constexpr size_t alignment = 64;
constexpr size_t slack = 64;
constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t page = size_t{64} << 10;  // a multiple of the system's
constexpr size_t large_from = size_t{1} << 20;
// Cached bytes beyond this and beyond the live peak go back to the system.
constexpr size_t cache_floor = size_t{512} << 20;
// No machine has this much; also keeps the rounding below from overflowing.
constexpr size_t largest = size_t{1} << 46;

// Not operator new: its release would have to know the alignment again.
void* aligned_block(size_t bytes, size_t align) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, align);
#else
  void* pointer = nullptr;
  return posix_memalign(&pointer, align, bytes) == 0 ? pointer : nullptr;
#endif
}

struct CpuMemory final : RawMemory {
  // What large blocks are cut from lies on huge pages: weights are then read with a hundredth of the address
  // look-ups.
  void* allocate(size_t bytes) override {
    if (bytes < large_from) return aligned_block(bytes, alignment);
    void* pointer = aligned_block(bytes, huge_page);
#if defined(__linux__)
    if (pointer) madvise(pointer, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return pointer;
  }
  void release(void* pointer) override {
#if defined(_WIN32)
    _aligned_free(pointer);
#else
    std::free(pointer);
#endif
  }
  size_t total() override {
    return total_;
  }
  void forget(void* pointer, size_t bytes) override {
#if defined(__linux__)
    const auto from = reinterpret_cast<uintptr_t>(pointer), to = from + bytes;
    const uintptr_t first = (from + page - 1) / page * page, end = to / page * page;
    if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
#else
    (void)pointer, (void)bytes;
#endif
  }
#if !defined(_WIN32)  // where a block counts against the system's memory as a whole
  size_t chunk() override {
    return size_t{1} << 30;
  }
#endif

 private:
  const size_t total_ = system_memory() ? system_memory() : largest;
};

}  // namespace

RawMemory& cpu_memory() {
  static CpuMemory* memory = new CpuMemory();
  return *memory;
}

size_t Allocator::block_size(size_t bytes) {
  constexpr size_t granule = LargeBlocks::granule;
  size_t size = (bytes + slack + alignment - 1) / alignment * alignment;
  if (size >= large_from) return (size + granule - 1) / granule * granule;
  if (size <= 1024) return size;
  size_t power = 1024;
  while (power * 2 <= size) power *= 2;
  size_t step = power / 4;
  return (size + step - 1) / step * step;
}

void* Allocator::allocate(size_t bytes) {
  if (bytes > largest) {
    throw Error(ErrorCode::out_of_memory, "out of memory: " + std::to_string(bytes) + " bytes were needed");
  }
  size_t size = block_size(bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  void* pointer = allocate_locked(size);
  if (!pointer && held() > live_) {
    empty_cache_locked();
    pointer = allocate_locked(size);
  }
  if (!pointer) {
    throw Error(ErrorCode::out_of_memory, "out of memory: " + std::to_string(bytes) + " bytes were needed, " +
                                              std::to_string(live_) + " are in use");
  }
  live_ += size;
  if (live_ > peak_) peak_ = live_;
  return pointer;
}

void* Allocator::allocate_locked(size_t size) {
  const size_t room = raw_.total() > held() ? raw_.total() - held() : 0;
  if (size >= large_from) return large_.allocate(size, room);
  auto found = blocks_.find(size);
  if (found != blocks_.end() && !found->second.empty()) {
    void* pointer = found->second.back();
    found->second.pop_back();
    return pointer;
  }
  if (size > room) return nullptr;
  void* pointer = raw_.allocate(size);
  if (pointer) small_held_ += size;
  return pointer;
}

void Allocator::free(void* pointer, size_t bytes) {
  if (!pointer) return;
  size_t size = block_size(bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  live_ -= size;
  const size_t limit = (peak_ > cache_floor ? peak_ : cache_floor) + cache_floor;
  if (size >= large_from) {
    large_.free(pointer);
    while (held() > limit && large_.release_chunk()) {
    }
  } else if (held() > limit) {
    raw_.release(pointer);
    small_held_ -= size;
  } else {
    blocks_[size].push_back(pointer);
  }
}

void Allocator::empty_cache() {
  std::lock_guard<std::mutex> lock(mutex_);
  empty_cache_locked();
}

void Allocator::empty_cache_locked() {
  for (auto& entry : blocks_) {
    for (void* pointer : entry.second) raw_.release(pointer);
    small_held_ -= entry.first * entry.second.size();
  }
  blocks_.clear();
  while (large_.release_chunk()) {
  }
  large_.forget_free();
}

MemoryCounts Allocator::counts() {
  std::lock_guard<std::mutex> lock(mutex_);
  return {live_, held() - live_, peak_};
}

void Allocator::reset_peak() {
  std::lock_guard<std::mutex> lock(mutex_);
  peak_ = live_;
}

}  // namespace athanor
