// Four buffers are kept, one for each call that may run at a time in usual programs; more are freed after
// use.
#include "cpu/packed_buffer.h"

#include <mutex>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core/error.h"

namespace athanor {
namespace {

constexpr size_t huge_page = size_t{2} << 20;
constexpr int most_kept = 4;

struct Kept {
  void* data = nullptr;
  size_t bytes = 0;
};

struct Store {
  std::mutex lock;
  Kept kept[most_kept];
};

Store& store() {
  static Store* made = new Store;  // leaked: pool threads outlive main
  return *made;
}

void* allocate(size_t bytes) {
  void* data = ::operator new(bytes, std::align_val_t(huge_page), std::nothrow);
  if (data == nullptr) {
    throw Error(ErrorCode::out_of_memory,
                "gemm: needed " + std::to_string(bytes) + " bytes, the system has no more memory");
  }
#if defined(__linux__)
  madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return data;
}

void release(void* data) {
  ::operator delete(data, std::align_val_t(huge_page));
}

}  // namespace

PackedBuffer::PackedBuffer(size_t count) {
  size_t bytes = count * sizeof(float);
  void* small = nullptr;
  {
    std::lock_guard<std::mutex> guard(store().lock);
    Kept* largest = nullptr;
    for (Kept& kept : store().kept) {
      if (kept.data != nullptr && (largest == nullptr || kept.bytes > largest->bytes)) largest = &kept;
    }
    if (largest != nullptr) {
      Kept taken = *largest;
      *largest = Kept();
      if (taken.bytes >= bytes) {
        data_ = static_cast<float*>(taken.data);
        bytes_ = taken.bytes;
        return;
      }
      small = taken.data;
    }
  }
  release(small);
  bytes_ = (bytes + huge_page - 1) / huge_page * huge_page;
  data_ = static_cast<float*>(allocate(bytes_));
}

PackedBuffer::~PackedBuffer() {
  {
    std::lock_guard<std::mutex> guard(store().lock);
    for (Kept& kept : store().kept) {
      if (kept.data != nullptr) continue;
      kept = {data_, bytes_};
      return;
    }
  }
  release(data_);
}

}  // namespace athanor
