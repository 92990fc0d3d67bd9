// A caching allocator over a device's raw memory. Small sizes are rounded up to buckets (four per power of
// two), so that ragged batches of about the same size reuse each other's blocks; large ones are cut from
// chunks (large_blocks.h). Blocks are 64-byte aligned and carry one vector of slack at the end. Any thread
// may allocate and free: a block is returned by whoever drops the last reference, and is safe to reuse
// because only later commands of the device get it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/large_blocks.h"

namespace athanor {

struct MemoryCounts {
  size_t live = 0, cached = 0, peak = 0;
};

// Where blocks come from. allocate returns null when there is no more.
struct RawMemory {
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* pointer) = 0;
  // Bytes that can be had at most; asking for more fails before the system is asked, as a system that hands
  // out memory it does not have kills the process when that is touched.
  virtual size_t total() = 0;
  // The contents of whole pages within a block: their memory may go until they are written again.
  virtual void forget(void*, size_t) {}
  // Bytes that large blocks are cut from. The larger, the less the ends of chunks waste; where memory that is
  // not touched costs nothing, that may be far more than is needed.
  virtual size_t chunk() { return size_t{64} << 20; }

 protected:
  ~RawMemory() = default;
};

// Where storages and scratch get their blocks. Any thread may call.
class Memory {
 public:
  // Throws ERR_OUT_OF_MEMORY, after the cache was emptied and the request tried once more.
  virtual void* allocate(size_t bytes) = 0;
  virtual void free(void* pointer, size_t bytes) = 0;  // null is fine

 protected:
  ~Memory() = default;
};

class Allocator final : public Memory {
 public:
  explicit Allocator(RawMemory& raw) : raw_(raw), large_(raw) {}

  void* allocate(size_t bytes) override;
  void free(void* pointer, size_t bytes) override;
  void empty_cache();
  MemoryCounts counts();
  void reset_peak();

 private:
  static size_t block_size(size_t bytes);
  void* allocate_locked(size_t size);
  void empty_cache_locked();
  size_t held() const { return small_held_ + large_.held(); }

  RawMemory& raw_;
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> blocks_;  // small ones that are free, by size
  LargeBlocks large_;
  size_t small_held_ = 0;  // live and free
  size_t live_ = 0, peak_ = 0;
};

RawMemory& cpu_memory();

}  // namespace athanor
