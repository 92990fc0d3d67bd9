#include "core/allocator.h"

#include <cstdlib>
#include <new>
#include <string>

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
constexpr size_t huge_from = size_t{1} << 20;
// Cached bytes beyond this and beyond the live peak go back to the system.
constexpr size_t cache_floor = size_t{512} << 20;
// No machine has this much; also keeps the rounding below from overflowing.
constexpr size_t largest = size_t{1} << 46;

struct CpuMemory final : RawMemory {
  // Large blocks start on a huge page: weights are then read with a hundredth of the address look-ups.
  void* allocate(size_t bytes) override {
    if (bytes < huge_from) return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
    void* pointer = ::operator new (bytes, std::align_val_t{huge_page}, std::nothrow);
#if defined(__linux__)
    if (pointer) madvise(pointer, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#endif
    return pointer;
  }
  void release(void* pointer) override {
    ::operator delete (pointer, std::align_val_t{alignment});
  }
  size_t total() override {
    return total_;
  }

 private:
  const size_t total_ = system_memory() ? system_memory() : largest;
};

}  // namespace

RawMemory& cpu_memory() {
  static CpuMemory* memory = new CpuMemory();
  return *memory;
}

size_t Allocator::bucket(size_t bytes) {
  size_t size = (bytes + slack + alignment - 1) / alignment * alignment;
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
  size_t size = bucket(bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  void* pointer = nullptr;
  auto found = blocks_.find(size);
  if (found != blocks_.end() && !found->second.empty()) {
    pointer = found->second.back();
    found->second.pop_back();
    counts_.cached -= size;
  } else {
    pointer = allocate_raw(size);
    if (!pointer && counts_.cached > 0) {
      empty_cache_locked();
      pointer = allocate_raw(size);
    }
    if (!pointer) {
      throw Error(ErrorCode::out_of_memory, "out of memory: " + std::to_string(bytes) +
                                                " bytes were needed, " + std::to_string(counts_.live) +
                                                " are in use");
    }
  }
  counts_.live += size;
  if (counts_.live > counts_.peak) counts_.peak = counts_.live;
  return pointer;
}

void* Allocator::allocate_raw(size_t size) {
  size_t held = counts_.live + counts_.cached;
  if (size > raw_.total() || held > raw_.total() - size) return nullptr;
  return raw_.allocate(size);
}

void Allocator::free(void* pointer, size_t bytes) {
  if (!pointer) return;
  size_t size = bucket(bytes);
  std::lock_guard<std::mutex> lock(mutex_);
  counts_.live -= size;
  size_t limit = counts_.peak > cache_floor ? counts_.peak : cache_floor;
  if (counts_.live + counts_.cached + size > limit + cache_floor) {
    raw_.release(pointer);
    return;
  }
  blocks_[size].push_back(pointer);
  counts_.cached += size;
}

void Allocator::empty_cache() {
  std::lock_guard<std::mutex> lock(mutex_);
  empty_cache_locked();
}

void Allocator::empty_cache_locked() {
  for (auto& entry : blocks_) {
    for (void* pointer : entry.second) raw_.release(pointer);
  }
  blocks_.clear();
  counts_.cached = 0;
}

MemoryCounts Allocator::counts() {
  std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

void Allocator::reset_peak() {
  std::lock_guard<std::mutex> lock(mutex_);
  counts_.peak = counts_.live;
}

}  // namespace athanor
