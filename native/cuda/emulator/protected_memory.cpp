// One range of addresses, reserved once, whose used part is made readable and writable while somebody needs
// it.
#include "cuda/emulator/protected_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "cuda/emulator/host_memory.h"

namespace emulated {
namespace {

constexpr size_t page = 4096;

size_t rounded(size_t bytes) {
  return (bytes + page - 1) / page * page;
}

struct Range {
  std::mutex mutex;
  char* base = nullptr;
  size_t touched = 0;                 // what was ever given out
  std::map<size_t, size_t> released;  // offset and length, of neither touches the next
  int open = 0;

  Range() {
    void* memory =
        mmap(nullptr, rounded(total_memory()), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) base = static_cast<char*>(memory);
  }

  void allow(bool allowed) {
    if (base && touched) mprotect(base, touched, allowed ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
};

Range& range() {
  static Range* made = new Range();
  return *made;
}

}  // namespace

bool memory_is_protected() {
  static const bool wanted = [] {
    const char* value = std::getenv("CUDA_EMULATION_PROTECT");
    return value && *value == '1';
  }();
  return wanted;
}

void* allocate_protected(size_t bytes) {
  Range& r = range();
  std::lock_guard<std::mutex> lock(r.mutex);
  const size_t size = rounded(bytes);
  for (auto [offset, length] : r.released) {
    if (length < size) continue;
    r.released.erase(offset);
    if (length > size) r.released[offset + size] = length - size;
    return r.base + offset;
  }
  if (!r.base || r.touched + size > rounded(total_memory())) return nullptr;
  void* pointer = r.base + r.touched;
  r.touched += size;
  if (r.open) r.allow(true);
  return pointer;
}

void free_protected(void* pointer, size_t bytes) {
  Range& r = range();
  std::lock_guard<std::mutex> lock(r.mutex);
  const size_t offset = static_cast<size_t>(static_cast<char*>(pointer) - r.base);
  auto at = r.released.emplace(offset, rounded(bytes)).first;
  auto next = std::next(at);
  if (next != r.released.end() && at->first + at->second == next->first) {
    at->second += next->second;
    r.released.erase(next);
  }
  if (at == r.released.begin()) return;
  auto before = std::prev(at);
  if (before->first + before->second == at->first) {
    before->second += at->second;
    r.released.erase(at);
  }
}

DeviceMemoryOpen::DeviceMemoryOpen() {
  if (!memory_is_protected()) return;
  Range& r = range();
  std::lock_guard<std::mutex> lock(r.mutex);
  if (r.open++ == 0) r.allow(true);
}

DeviceMemoryOpen::~DeviceMemoryOpen() {
  if (!memory_is_protected()) return;
  Range& r = range();
  std::lock_guard<std::mutex> lock(r.mutex);
  if (--r.open == 0) r.allow(false);
}

}  // namespace emulated
