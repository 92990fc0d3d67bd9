#include "core/large_blocks.h"

#include <iterator>

#include "core/allocator.h"

namespace athanor {

namespace {

// Large enough that the ends of chunks waste little, small enough that some become free as a whole.
constexpr size_t chunk = size_t{64} << 20;
constexpr size_t huge_page = size_t{2} << 20;

}  // namespace

void* LargeBlocks::allocate(size_t bytes, size_t room) {
  auto fit = free_.lower_bound({bytes, nullptr});
  if (fit != free_.end()) {
    auto range = ranges_.find(fit->second);
    free_.erase(fit);
    return take(range, bytes);
  }
  const size_t exact = (bytes + huge_page - 1) / huge_page * huge_page;
  for (size_t size : {exact > chunk ? exact : chunk, exact, bytes}) {
    if (size > room) continue;
    char* base = static_cast<char*>(raw_.allocate(size));
    if (!base) continue;
    held_ += size;
    return take(ranges_.emplace(base, Range{size, true, true}).first, bytes);
  }
  return nullptr;
}

// A free range that is no longer in free_ becomes a block of its first `bytes`.
void* LargeBlocks::take(Ranges::iterator range, size_t bytes) {
  Range& block = range->second;
  if (block.size > bytes) {
    char* rest = range->first + bytes;
    ranges_.emplace_hint(std::next(range), rest, Range{block.size - bytes, true, false});
    free_.emplace(block.size - bytes, rest);
    block.size = bytes;
  }
  block.free = false;
  used_ += bytes;
  return range->first;
}

void LargeBlocks::free(void* pointer) {
  auto range = ranges_.find(static_cast<char*>(pointer));
  used_ -= range->second.size;
  range->second.free = true;
  auto next = std::next(range);
  if (next != ranges_.end() && next->second.free && !next->second.first) {
    free_.erase({next->second.size, next->first});
    range->second.size += next->second.size;
    ranges_.erase(next);
  }
  if (!range->second.first) {
    auto before = std::prev(range);
    if (before->second.free) {
      free_.erase({before->second.size, before->first});
      before->second.size += range->second.size;
      ranges_.erase(range);
      range = before;
    }
  }
  free_.emplace(range->second.size, range->first);
}

bool LargeBlocks::whole_chunk(Ranges::iterator range) const {
  auto next = std::next(range);
  return range->second.first && (next == ranges_.end() || next->second.first);
}

bool LargeBlocks::release_chunk() {
  for (auto largest = free_.rbegin(); largest != free_.rend(); ++largest) {
    auto range = ranges_.find(largest->second);
    if (!whole_chunk(range)) continue;
    free_.erase(*largest);
    held_ -= range->second.size;
    raw_.release(range->first);
    ranges_.erase(range);
    return true;
  }
  return false;
}

}  // namespace athanor
