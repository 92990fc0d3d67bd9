// What waits to be run. A queue belongs to one environment and one device, is filled by that environment's
// JavaScript thread and emptied in order by the device's executor. Between queues of a device, higher
// priority goes first; among equals the executor takes turns.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"

namespace athanor {

class Memory;
class Device;
class Environment;
class Queue;
class Storage;
class Stream;
using StorageRef = std::shared_ptr<Storage>;
using QueueRef = std::shared_ptr<Queue>;

enum class Priority : int32_t { high = 0, normal = 1, low = 2 };
constexpr int32_t priority_count = 3;

// Why a command did not produce its outputs: the first cause, passed on to all that depends on them.
struct Failure {
  ErrorCode code;
  std::string message;
  uint64_t call;  // number of the op call in its environment, for the JavaScript stack
};
using FailureRef = std::shared_ptr<const Failure>;

// A point in a queue: the command with this sequence number has run.
struct Stamp {
  QueueRef queue;
  uint64_t sequence = 0;
};

// What a running command may use.
struct Execution {
  Device& device;
  Queue* queue = nullptr;     // CUDA: the command's queue
  void* stream = nullptr;     // CUDA: that queue's stream
  Memory* scratch = nullptr;  // memory that is reused in the order of that stream
  // CUDA: called when all that the command launched has run, on another thread than the executor, before the
  // command counts as finished. What it throws is the command's failure.
  std::function<void()> completed = nullptr;
};

enum class CommandKind {
  produce,     // fresh outputs; a failed input or run marks them
  accumulate,  // in place, but a failure marks the target: a partial sum is wrong
  update,      // in place; skipped whole when an input is marked, and reported by the next ready()
  overwrite,   // in place, independent of what the target held: heals a mark
};

struct Command {
  const char* op = "";
  uint64_t call = 0;
  CommandKind kind = CommandKind::produce;
  std::vector<StorageRef> inputs;
  std::vector<StorageRef> outputs;
  StorageRef any_layout;     // one of the inputs, which run() takes in whatever layout it lies
  std::vector<Stamp> waits;  // other queues' commands that must have run
  std::function<void(Execution&)> run;
  // Called when the command has let go of its storages: null if it ran, else why not. Optional.
  std::function<void(const FailureRef&)> finished;
  size_t staged_bytes = 0;  // uploaded input that this command holds on the host
};

class Queue {
 public:
  Queue(Device& device, std::shared_ptr<Environment> environment, Priority priority, int32_t id);
  ~Queue();

  Device& device;
  const std::shared_ptr<Environment> environment;
  const Priority priority;
  const int32_t id;

  // Memory for what is made on this queue; on a GPU that of its stream. Executor only, as is stream().
  Memory& allocator();
  Stream& stream();  // made at the first call
  bool has_stream() const { return stream_ != nullptr; }

  uint64_t enqueued = 0;  // JavaScript thread only: sequence number of the last command

  // Guarded by the device's mutex.
  std::deque<Command> commands;
  uint64_t completed = 0;  // sequence number of the last command that has run
  bool listed = false;     // in the device's list of queues with work

 private:
  std::unique_ptr<Stream> stream_;
};

}  // namespace athanor
