// The part of a device that is ahead of its GPU: streams, and commands whose work is still under way when the
// host is done with them.
#include <chrono>
#include <thread>

#include "core/accelerator.h"
#include "core/device.h"
#include "core/environment.h"
#include "core/error.h"
#include "core/system.h"

namespace athanor {

namespace {

using Clock = std::chrono::steady_clock;

// Reads are waited for by asking: a few at once, of streams of any priority. Spinning catches the short ones.
constexpr auto spin_time = std::chrono::microseconds(60);
constexpr auto nap = std::chrono::microseconds(50);

}  // namespace

void Device::check_usable() {
  if (lost_.load()) throw Error(ErrorCode::cuda, lost_because());
}

std::string Device::lost_because() {
  std::lock_guard<std::mutex> lock(lost_mutex_);
  return lost_because_;
}

std::string Device::explain(const std::string& message) {
  std::lock_guard<std::mutex> lock(lost_mutex_);
  if (!lost_because_.empty() || !accelerator_->lost()) return message;
  lost_because_ = name() + " cannot be used any more in this process since it failed: " + message;
  lost_.store(true);
  return message + "; " + name() + " cannot be used any more in this process";
}

void Device::enter_stream(const Command& command, Queue& queue, Execution& execution) {
  Stream& stream = queue.stream();
  for (const Stamp& stamp : command.waits) {
    if (stamp.queue->has_stream()) stream.wait_for(stamp.queue->stream());
  }
  execution.stream = stream.handle();
  execution.scratch = &stream.allocator();
  execution.queue = &queue;
}

std::unique_ptr<Marker> Device::mark(const Command& command, Queue& queue, FailureRef& failure) {
  std::unique_ptr<Marker> marker;
  failure = guard(command, [&] { marker = queue.stream().mark(); });
  return marker;
}

void Device::hand_over(Launched&& launched) {
  std::lock_guard<std::mutex> lock(launched_mutex_);
  launched_.push_back(std::move(launched));
  launched_work_.notify_one();
}

// The first command that is over: one whose queue has none before it in the list.
bool Device::take_completed(Launched& launched, FailureRef& failure) {
  std::vector<const Queue*> busy;
  for (size_t i = 0; i < launched_.size(); i++) {
    Launched& candidate = launched_[i];
    const Queue* queue = candidate.queue.get();
    bool behind = false;
    for (const Queue* other : busy) behind = behind || other == queue;
    if (behind) continue;
    bool reached = true;
    failure = guard(candidate.command, [&] { reached = candidate.marker->reached(); });
    if (!reached) {
      busy.push_back(queue);
      continue;
    }
    launched = std::move(candidate);
    launched_.erase(launched_.begin() + static_cast<ptrdiff_t>(i));
    return true;
  }
  return false;
}

void Device::complete() {
  name_thread("athanor-reads");
  lower_thread_priority();
  accelerator_->enter_thread();
  auto last = Clock::now();
  for (;;) {
    Launched launched;
    FailureRef failure;
    {
      std::unique_lock<std::mutex> lock(launched_mutex_);
      if (launched_.empty()) {
        launched_work_.wait(lock, [this] { return !launched_.empty(); });
        last = Clock::now();
      }
      if (!take_completed(launched, failure)) {
        lock.unlock();
        if (Clock::now() - last < spin_time) {
          cpu_relax();
        } else {
          std::this_thread::sleep_for(nap);
        }
        continue;
      }
    }
    if (!failure) failure = guard(launched.command, launched.completed);
    launched.completed = nullptr;
    settle(*launched.queue, launched.command, launched.alive, failure);
    launched.queue->environment->command_finished();
    last = Clock::now();
  }
}

}  // namespace athanor
