// A device and its executor: one thread that takes commands from the device's queues. Devices are made on
// first use and never destroyed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "core/allocator.h"
#include "core/queue.h"

namespace athanor {

enum class DeviceKind : int32_t { cpu = 0, cuda = 1 };

// What kernels and their choice need to know of a GPU.
struct CudaProperties {
  int index;            // among the GPUs of the process
  int capability;       // 10 * major + minor
  int multiprocessors;  // number of streaming multiprocessors
  size_t shared_bytes;  // most shared memory that a block may ask for
};

struct DeviceState {
  std::string name, kind, reason;  // reason: why it is not available
  double memory = 0;               // bytes
  bool available = false;
};

class Device {
 public:
  Device(DeviceKind kind, int index, RawMemory& raw);

  // "cpu", "cuda", "cuda:N", "auto". Throws ERR_CUDA (no CUDA in this build, no driver, ...) or ERR_ARGUMENT.
  static Device& get(const std::string& name);
  static Device& cpu();
  static std::vector<DeviceState> list();

  DeviceKind kind() const { return kind_; }
  std::string name() const;
  const CudaProperties* cuda_properties() const { return cuda_properties_; }  // null for the CPU
  Allocator& allocator() { return allocator_; }

  // Starts the executor if it does not run yet; throws where the system refuses a thread.
  void start();
  // Appends a command; its sequence number was taken from queue->enqueued by the caller, who called start().
  void submit(const QueueRef& queue, Command&& command);
  // Drops what waits in the queues of an environment that has ended.
  void drop(const Environment& environment);
  // Blocks until the queue has run the command with this number.
  void wait(const Queue& queue, uint64_t sequence);

 private:
  void execute();
  bool take(QueueRef& queue, Command& command);
  static bool runnable(const Queue& queue);
  // Whether the command's environment is alive; `failure` is null if the command ran.
  bool run(Command& command, const Queue& queue, FailureRef& failure);
  FailureRef try_run(Command& command);

  const DeviceKind kind_;
  const int index_;
  const CudaProperties* cuda_properties_ = nullptr;
  Allocator allocator_;

  std::mutex mutex_;
  std::condition_variable work_, finished_;
  std::vector<QueueRef> waiting_[priority_count];  // queues with commands, next turn first
  std::atomic<size_t> commands_{0};                // read without the mutex while spinning
  std::atomic<bool> started_{false};
  bool sleeping_ = false;
  int finish_waiters_ = 0;
};

}  // namespace athanor
