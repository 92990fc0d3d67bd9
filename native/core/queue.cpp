#include "core/queue.h"

#include "core/accelerator.h"
#include "core/device.h"

namespace athanor {

Queue::Queue(Device& device, std::shared_ptr<Environment> environment, Priority priority, int32_t id)
    : device(device), environment(std::move(environment)), priority(priority), id(id) {}

Queue::~Queue() = default;

Stream& Queue::stream() {
  if (!stream_) stream_ = device.accelerator()->make_stream(priority);
  return *stream_;
}

Memory& Queue::allocator() {
  return device.accelerator() ? stream().allocator() : device.allocator();
}

}  // namespace athanor
