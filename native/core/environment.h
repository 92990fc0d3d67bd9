// Everything that belongs to one JavaScript environment (main thread, worker, Electron renderer): its
// handles, queues, counters and its end. No globals: the binding makes one per environment and shares it with
// commands.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/queue.h"

namespace athanor {

class StreamTimer;
struct Tensor;
using TensorRef = std::shared_ptr<Tensor>;

// One command as the trace keeps it: what its views cover (look-ups count their whole table, commands in
// place read what they change), and how long it ran.
struct TracedCommand {
  const char* op;
  int64_t bytes_read, bytes_written;
  double seconds = 0;                  // written by the executor: read it when the queue is empty
  std::shared_ptr<StreamTimer> timer;  // of a GPU's command, instead of `seconds`
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  virtual ~Environment() = default;

  // Limits of api.md's ready(): commands and staged bytes that may wait before it makes the caller wait.
  static constexpr int64_t ready_commands = 1024;
  static constexpr int64_t ready_bytes = int64_t{64} << 20;
  static constexpr int64_t full_factor = 64;

  // ---- JavaScript thread only ----
  double add_handle(TensorRef tensor);
  // Throws ERR_DISPOSED or ERR_ARGUMENT, naming the op and the argument.
  const TensorRef& tensor(double handle, const char* op, const char* argument) const;
  void release_handle(double handle);  // twice is fine
  size_t handle_count() const { return handles_live_; }

  const QueueRef& queue(int32_t id);
  int32_t add_queue(Device& device, Priority priority);
  void remove_queue(int32_t id);
  // Queue 0 of each device: normal priority, for what belongs to no model.
  const QueueRef& default_queue(Device& device);
  std::vector<QueueRef> queues();

  // Throws ERR_QUEUE_FULL for what would add to a queue that is full_factor times over its limits. Asked once
  // per call, before anything is enqueued: a call that makes several commands is never cut in two.
  void require_room(const char* op) const;
  // Numbers the command, works out what it must wait for, and hands it to the device.
  void enqueue(const QueueRef& queue, Command&& command);

  uint64_t calls = 0;  // op calls so far; the JavaScript side counts along
  bool grad_enabled = true;
  uint64_t nodes = 0;  // tape nodes so far
  // Commands enqueued since tracing began, for audits and profiles.
  bool tracing = false;
  std::vector<std::shared_ptr<TracedCommand>> trace;
  // Runs a JavaScript backward of customFunction; set by the binding. (function id, gradient handles) ->
  // handles.
  std::vector<TensorRef> (*custom_backward)(Environment&, double id,
                                            const std::vector<TensorRef>& gradients) = nullptr;
  void (*custom_release)(Environment&, double id) = nullptr;

  // ---- any thread ----
  std::atomic<int64_t> pending_commands{0};
  std::atomic<int64_t> staged_bytes{0};
  std::atomic<int64_t> live_bytes{0};  // of storages made here; the garbage collector is told in steps
  bool has_room(int64_t divisor = 1) const {
    return pending_commands.load() < ready_commands / divisor && staged_bytes.load() < ready_bytes / divisor;
  }

  // Held while an executor calls into the binding, only for an instant; end() takes it.
  std::mutex mutex;
  // Held while an executor writes into memory owned by JavaScript. Apart from `mutex`, which the JavaScript
  // thread takes all the time: copying a large tensor takes tens of milliseconds. end() takes both.
  std::mutex writing;
  bool dead = false;  // guarded by mutex and by writing: changed under both, read under either

  // A skipped update that nobody has been told of yet: the first one is kept.
  void report(const FailureRef& failure, uint64_t call);
  FailureRef claim_failure();

  // Called by the executor after each command of this environment, without the mutex.
  virtual void command_finished() {}

  // Marks the end, drops queued commands and all handles. JavaScript thread, once.
  void end();

 private:
  struct Slot {
    TensorRef tensor;
    uint32_t generation = 1;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  size_t handles_live_ = 0;
  std::vector<QueueRef> queues_;
  std::vector<std::weak_ptr<Queue>> retired_;
  int32_t last_queue_ = 0;
  std::vector<std::pair<Device*, QueueRef>> default_queues_;
  FailureRef unclaimed_;  // guarded by mutex, as the two below
  FailureRef reported_;   // the last one reported, by the op call below
  uint64_t reported_call_ = 0;
};

}  // namespace athanor
