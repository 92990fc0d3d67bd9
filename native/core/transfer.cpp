#include "core/transfer.h"

#include <cstring>

#include "core/accelerator.h"

namespace athanor {

namespace {

// Memory that a GPU copies to, given back with the last copy of the function that reads it.
struct Landing {
  Memory& allocator;
  const size_t bytes;
  void* const data;
  Landing(Memory& allocator, size_t bytes)
      : allocator(allocator), bytes(bytes), data(allocator.allocate(bytes)) {}
  ~Landing() { allocator.free(data, bytes); }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
};

}  // namespace

void read_rows(Execution& execution, const View& view,
               const std::function<void(const void* rows, size_t stride)>& use) {
  const size_t size = dtype_size(view.dtype), row = static_cast<size_t>(view.width()) * size;
  Accelerator* accelerator = execution.device.accelerator();
  if (!accelerator) return use(view.data<char>(), static_cast<size_t>(view.row_stride) * size);
  if (view.count() == 0) {
    execution.completed = [use] { use(nullptr, 0); };
    return;
  }
  auto landing =
      std::make_shared<Landing>(accelerator->host_memory(), static_cast<size_t>(view.count()) * size);
  execution.queue->stream().download(landing->data, view);
  execution.completed = [landing, row, use] { use(landing->data, row); };
}

void write_rows(Execution& execution, const View& view, const void* source) {
  const size_t bytes = static_cast<size_t>(view.count()) * dtype_size(view.dtype);
  if (bytes == 0) return;
  if (execution.device.accelerator()) {
    execution.queue->stream().upload(view.data<char>(), source, bytes);
  } else {
    std::memcpy(view.data<char>(), source, bytes);
  }
}

Latch::Opener::Opener(std::shared_ptr<Latch> latch) : latch_(latch.get()) {
  guard_ = std::shared_ptr<Latch>(latch_, [latch](Latch* open) { open->open(nullptr); });
}

void Latch::Opener::open(const FailureRef& failure) const {
  latch_->open(failure);
}

void Latch::open(const FailureRef& failure) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (open_) return;
  open_ = true;
  failure_ = failure;
  opened_.notify_all();
}

FailureRef Latch::wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  opened_.wait(lock, [this] { return open_; });
  return failure_;
}

}  // namespace athanor
