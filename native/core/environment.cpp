#include "core/environment.h"

#include "core/device.h"
#include "core/storage.h"
#include "core/tensor.h"

namespace athanor {

namespace {

// A handle is exact in a double: 24 bits slot, 29 bits generation, never 0.
constexpr uint32_t slot_bits = 24;
constexpr uint32_t most_slots = (1u << slot_bits) - 1;
constexpr uint32_t last_generation = (1u << 29) - 1;

double make_handle(uint32_t slot, uint32_t generation) {
  return static_cast<double>(generation) * (1u << slot_bits) + slot;
}

bool split_handle(double handle, uint32_t& slot, uint32_t& generation) {
  if (!(handle >= (1u << slot_bits)) || handle >= 9007199254740992.0) return false;
  uint64_t bits = static_cast<uint64_t>(handle);
  slot = static_cast<uint32_t>(bits & most_slots);
  generation = static_cast<uint32_t>(bits >> slot_bits);
  return true;
}

void wait_for(std::vector<Stamp>& waits, const QueueRef& queue, uint64_t sequence) {
  for (Stamp& stamp : waits) {
    if (stamp.queue == queue) {
      if (stamp.sequence < sequence) stamp.sequence = sequence;
      return;
    }
  }
  waits.push_back({queue, sequence});
}

}  // namespace

double Environment::add_handle(TensorRef tensor) {
  uint32_t slot;
  if (!free_slots_.empty()) {
    slot = free_slots_.back();
    free_slots_.pop_back();
  } else {
    if (slots_.size() >= most_slots)
      throw Error(ErrorCode::internal, "too many live tensors: 16,777,215 are held");
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  slots_[slot].tensor = std::move(tensor);
  handles_live_++;
  return make_handle(slot, slots_[slot].generation);
}

const TensorRef& Environment::tensor(double handle, const char* op, const char* argument) const {
  uint32_t slot, generation;
  if (!split_handle(handle, slot, generation) || slot >= slots_.size()) {
    throw Error(ErrorCode::argument, std::string(op) + ": " + argument + " must be a tensor");
  }
  const Slot& entry = slots_[slot];
  if (entry.generation != generation || !entry.tensor) {
    throw Error(ErrorCode::disposed, std::string(op) + ": " + argument + " was disposed");
  }
  return entry.tensor;
}

void Environment::release_handle(double handle) {
  uint32_t slot, generation;
  if (!split_handle(handle, slot, generation) || slot >= slots_.size()) return;
  Slot& entry = slots_[slot];
  if (entry.generation != generation || !entry.tensor) return;
  TensorRef released = std::move(entry.tensor);
  entry.tensor = nullptr;
  handles_live_--;
  if (entry.generation < last_generation) {  // a slot whose generations are used up is retired
    entry.generation++;
    free_slots_.push_back(slot);
  }
}

const QueueRef& Environment::queue(int32_t id) {
  if (id == 0) return default_queue(Device::standard());
  for (const QueueRef& queue : queues_) {
    if (queue->id == id) return queue;
  }
  throw Error(ErrorCode::disposed, "queue " + std::to_string(id) + " does not exist: its model was disposed");
}

int32_t Environment::add_queue(Device& device, Priority priority) {
  int32_t id = ++last_queue_;
  queues_.push_back(std::make_shared<Queue>(device, shared_from_this(), priority, id));
  return id;
}

void Environment::remove_queue(int32_t id) {
  for (size_t i = 0; i < queues_.size(); i++) {
    if (queues_[i]->id == id) {
      retired_.push_back(queues_[i]);
      queues_.erase(queues_.begin() + static_cast<ptrdiff_t>(i));
      return;
    }
  }
}

const QueueRef& Environment::default_queue(Device& device) {
  for (const auto& entry : default_queues_) {
    if (entry.first == &device) return entry.second;
  }
  default_queues_.emplace_back(&device,
                               std::make_shared<Queue>(device, shared_from_this(), Priority::normal, 0));
  return default_queues_.back().second;
}

std::vector<QueueRef> Environment::queues() {
  std::vector<QueueRef> all;
  for (const auto& entry : default_queues_) all.push_back(entry.second);
  for (const QueueRef& queue : queues_) all.push_back(queue);
  // Queues of disposed models count while they still have commands.
  std::vector<std::weak_ptr<Queue>> alive;
  for (const auto& weak : retired_) {
    if (QueueRef queue = weak.lock()) {
      all.push_back(queue);
      alive.push_back(weak);
    }
  }
  retired_ = std::move(alive);
  return all;
}

void Environment::require_room(const char* op) const {
  int64_t commands = pending_commands.load(), bytes = staged_bytes.load();
  if (commands < ready_commands * full_factor && bytes < ready_bytes * full_factor) return;
  throw Error(ErrorCode::queue_full, std::string(op) + ": the queue is full: " + std::to_string(commands) +
                                         " commands and " + std::to_string(bytes) +
                                         " bytes wait; await ready() in long loops");
}

void Environment::enqueue(const QueueRef& queue, Command&& command) {
  queue->device.start();
  uint64_t sequence = ++queue->enqueued;
  for (const StorageRef& input : command.inputs) {
    if (input->on_host && !input->staged) {
      // Uploaded input waits on the host from here until its first reader has run.
      input->staged = true;
      command.staged_bytes += input->bytes;
    }
    if (input->last_write.queue && input->last_write.queue != queue) {
      wait_for(command.waits, input->last_write.queue, input->last_write.sequence);
    }
    if (input->home != queue) {
      bool known = false;
      for (Stamp& read : input->other_reads) {
        if (read.queue == queue) {
          read.sequence = sequence;
          known = true;
        }
      }
      if (!known) input->other_reads.push_back({queue, sequence});
    }
  }
  for (const StorageRef& output : command.outputs) {
    if (command.kind != CommandKind::produce) {
      if (output->last_write.queue && output->last_write.queue != queue) {
        wait_for(command.waits, output->last_write.queue, output->last_write.sequence);
      }
      if (output->home != queue && output->home->enqueued) {
        wait_for(command.waits, output->home, output->home->enqueued);
      }
      for (const Stamp& read : output->other_reads) {
        if (read.queue != queue) wait_for(command.waits, read.queue, read.sequence);
      }
      output->other_reads.clear();  // whoever writes next waits for this write, which waits for them
      output->version++;
    }
    output->last_write = {queue, sequence};
  }
  pending_commands.fetch_add(1);
  if (command.staged_bytes) staged_bytes.fetch_add(static_cast<int64_t>(command.staged_bytes));
  queue->device.submit(queue, std::move(command));
}

void Environment::report(const FailureRef& failure, uint64_t call) {
  std::lock_guard<std::mutex> lock(mutex);
  // The slices of one optimizer step are skipped for the same cause: one report, also when it was claimed
  // between two of them.
  if (failure == reported_ && call == reported_call_) return;
  reported_ = failure;
  reported_call_ = call;
  if (!unclaimed_) unclaimed_ = failure;
}

FailureRef Environment::claim_failure() {
  std::lock_guard<std::mutex> lock(mutex);
  FailureRef failure = std::move(unclaimed_);
  unclaimed_ = nullptr;
  return failure;
}

void Environment::end() {
  {
    std::lock_guard<std::mutex> copying(writing);
    std::lock_guard<std::mutex> lock(mutex);
    dead = true;
  }
  std::vector<QueueRef> all = queues();
  for (const QueueRef& queue : all) queue->device.drop(*this);
  slots_.clear();
  free_slots_.clear();
  handles_live_ = 0;
  queues_.clear();
  default_queues_.clear();
  retired_.clear();
}

}  // namespace athanor
