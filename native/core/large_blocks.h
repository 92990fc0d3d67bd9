// Blocks of a megabyte and more: cut from chunks of the device's memory, to the size that is asked for, and
// joined with their free neighbours when they are given back. Ragged batches, whose every size differs, then
// need little more than what is live at once. Not locked: the allocator is.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace athanor {

struct RawMemory;

class LargeBlocks {
 public:
  static constexpr size_t granule = 4096;  // sizes and addresses are multiples of it

  explicit LargeBlocks(RawMemory& raw) : raw_(raw) {}

  // The smallest free range that fits; else part of a new chunk. held() grows by `room` at most; null where
  // nothing can be had within that.
  void* allocate(size_t bytes, size_t room);
  void free(void* pointer);
  // Gives one chunk that is free as a whole back to the device; false if there is none.
  bool release_chunk();
  // Of the other chunks, the memory under what is free; their ends no longer count as held.
  void forget_free();

  // Bytes of all chunks, each up to the end of the farthest block that it ever had: beyond, the system of
  // most devices has not given it memory yet.
  size_t held() const { return held_; }
  size_t used() const { return used_; }

 private:
  struct Range {
    size_t size;
    bool free;
    char* chunk;  // where the chunk begins
  };
  using Ranges = std::map<char*, Range>;

  size_t growth(Ranges::iterator range, size_t bytes) const;
  void* take(Ranges::iterator range, size_t bytes);
  bool whole_chunk(Ranges::iterator range) const;

  RawMemory& raw_;
  Ranges ranges_;                            // all of all chunks, by address
  std::map<char*, char*> ends_;              // of each chunk, as far as it counts as held
  std::set<std::pair<size_t, char*>> free_;  // by size, then address
  size_t held_ = 0, used_ = 0;
};

}  // namespace athanor
