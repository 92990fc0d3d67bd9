// A device and its executor: one thread that takes commands from the device's queues. Devices are made on
// first use and never destroyed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/allocator.h"
#include "core/device_state.h"
#include "core/queue.h"

namespace athanor {

class Accelerator;
class Marker;

class Device {
 public:
  Device(DeviceKind kind, int index, Accelerator* accelerator);

  // "cpu", "cuda", "cuda:N", "auto". Throws ERR_CUDA (no CUDA in this build, no driver, ...) or ERR_ARGUMENT.
  static Device& get(const std::string& name);
  static Device& cpu();
  // What "auto" means: the environment variable ATHANOR_DEVICE, else the first GPU, else the CPU.
  static Device& standard();
  static std::vector<DeviceState> list();

  DeviceKind kind() const { return kind_; }
  std::string name() const;
  Accelerator* accelerator() const { return accelerator_; }  // null for the CPU
  const CudaProperties* cuda_properties() const { return cuda_properties_; }
  Allocator& allocator() { return allocator_; }  // of the CPU; a GPU has one per stream (Queue::allocator)
  // Throws ERR_CUDA with the first cause once a fault has ended the GPU's context: nothing runs on it any
  // more.
  void check_usable();
  std::string lost_because();  // the same as a sentence; empty while the device can be used
  MemoryCounts memory_counts();
  void empty_cache();  // gives cached memory back and starts the peak anew

  // Starts the executor if it does not run yet; throws where the system refuses a thread.
  void start();
  // Appends a command; its sequence number was taken from queue->enqueued by the caller, who called start().
  void submit(const QueueRef& queue, Command&& command);
  // Drops what waits in the queues of an environment that has ended.
  void drop(const Environment& environment);
  // Says that what commands of this device wait for has come from another one: the only command of `arrival`.
  void arrive(Queue& arrival);
  // Blocks until the queue has run the command with this number.
  void wait(const Queue& queue, uint64_t sequence);

 private:
  // A command whose work is still under way on the GPU, though the host is done with it.
  struct Launched {
    std::unique_ptr<Marker> marker;
    std::function<void()> completed;
    QueueRef queue;
    Command command;  // without its storages
    bool alive = false;
  };

  void execute();
  bool take(QueueRef& queue, Command& command);
  static bool runnable(const Queue& queue);
  // Whether the command's environment is alive; `failure` is null if the command ran.
  bool run(Command& command, const QueueRef& queue, FailureRef& failure, Execution& execution);
  void allocate(Command& command, Queue& queue);
  FailureRef guard(const Command& command, const std::function<void()>& body);
  // The message of an ERR_CUDA; when the device is lost with it, that is the cause of all that follows.
  std::string explain(const std::string& message);
  static void let_go(Command& command);
  static void settle(Queue& queue, Command& command, bool alive, const FailureRef& failure);
  void advance(Queue& queue);

  void enter_stream(const Command& command, Queue& queue, Execution& execution);
  std::unique_ptr<Marker> mark(const Command& command, Queue& queue, FailureRef& failure);
  void hand_over(Launched&& launched);
  bool take_completed(Launched& launched, FailureRef& failure);
  void complete();  // the thread that waits for what was launched

  const DeviceKind kind_;
  const int index_;
  Accelerator* const accelerator_;
  const CudaProperties* const cuda_properties_;
  Allocator allocator_;

  std::mutex mutex_;
  std::condition_variable work_, finished_;
  std::vector<QueueRef> waiting_[priority_count];  // queues with commands, next turn first
  std::atomic<size_t> commands_{0};                // read without the mutex while spinning
  std::atomic<bool> started_{false};
  bool sleeping_ = false, completing_ = false;
  uint64_t news_ = 0;  // counts commands that came, and arrivals from other devices
  int finish_waiters_ = 0;

  std::atomic<bool> lost_{false};
  std::mutex lost_mutex_;
  std::string lost_because_;

  std::mutex launched_mutex_;
  std::condition_variable launched_work_;
  std::vector<Launched> launched_;  // those of one queue in order
};

}  // namespace athanor
