#include "core/large_blocks.h"

#include <algorithm>
#include <iterator>

#include "core/allocator.h"

namespace athanor {

namespace {

constexpr size_t huge_page = size_t{2} << 20;

}  // namespace

void* LargeBlocks::allocate(size_t bytes, size_t room) {
  for (auto fit = free_.lower_bound({bytes, nullptr}); fit != free_.end(); ++fit) {
    auto range = ranges_.find(fit->second);
    if (growth(range, bytes) > room) continue;
    free_.erase(fit);
    return take(range, bytes);
  }
  if (bytes > room) return nullptr;
  const size_t exact = (bytes + huge_page - 1) / huge_page * huge_page;
  for (size_t size : {std::max(exact, raw_.chunk()), exact, bytes}) {
    char* base = static_cast<char*>(raw_.allocate(size));
    if (!base) continue;
    ends_[base] = base;
    return take(ranges_.emplace(base, Range{size, true, base}).first, bytes);
  }
  return nullptr;
}

// By how much held() grows when the range's first `bytes` become a block.
size_t LargeBlocks::growth(Ranges::iterator range, size_t bytes) const {
  char *end = range->first + bytes, *held = ends_.at(range->second.chunk);
  return end > held ? static_cast<size_t>(end - held) : 0;
}

// A free range that is no longer in free_ becomes a block of its first `bytes`.
void* LargeBlocks::take(Ranges::iterator range, size_t bytes) {
  Range& block = range->second;
  const size_t more = growth(range, bytes);
  held_ += more;
  ends_[block.chunk] += more;
  if (block.size > bytes) {
    char* rest = range->first + bytes;
    ranges_.emplace_hint(std::next(range), rest, Range{block.size - bytes, true, block.chunk});
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
  if (next != ranges_.end() && next->second.free && next->first != next->second.chunk) {
    free_.erase({next->second.size, next->first});
    range->second.size += next->second.size;
    ranges_.erase(next);
  }
  if (range->first != range->second.chunk) {
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
  return range->first == range->second.chunk && (next == ranges_.end() || next->second.chunk == next->first);
}

void LargeBlocks::forget_free() {
  for (const auto& [size, begin] : free_) {
    auto range = ranges_.find(begin), next = std::next(range);
    char*& end = ends_.at(range->second.chunk);
    if (begin >= end) continue;
    raw_.forget(begin, std::min(size, static_cast<size_t>(end - begin)));
    const bool last = next == ranges_.end() || next->second.chunk != range->second.chunk;
    if (!last) continue;
    held_ -= static_cast<size_t>(end - begin);
    end = begin;
  }
}

bool LargeBlocks::release_chunk() {
  for (auto largest = free_.rbegin(); largest != free_.rend(); ++largest) {
    auto range = ranges_.find(largest->second);
    if (!whole_chunk(range)) continue;
    free_.erase(*largest);
    held_ -= static_cast<size_t>(ends_.at(range->first) - range->first);
    ends_.erase(range->first);
    raw_.release(range->first);
    ranges_.erase(range);
    return true;
  }
  return false;
}

}  // namespace athanor
