#include "core/device.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/accelerator.h"
#include "core/environment.h"
#include "core/error.h"
#include "core/storage.h"
#include "core/system.h"

namespace athanor {

namespace {

constexpr auto spin_time = std::chrono::microseconds(40);  // a wake-up costs the enqueuing thread 5 to 9 us

FailureRef make_failure(const Command& command, ErrorCode code, const std::string& message) {
  return std::make_shared<const Failure>(Failure{code, message, command.call});
}

struct CudaDevices {
  std::mutex mutex;
  std::vector<Device*> made;
};

CudaDevices& cuda_devices() {
  static CudaDevices* devices = new CudaDevices();
  return *devices;
}

Device& cuda_device(size_t index) {
  CudaDevices& devices = cuda_devices();
  std::lock_guard<std::mutex> lock(devices.mutex);
  devices.made.resize(std::max(devices.made.size(), index + 1));
  Device*& device = devices.made[index];
  if (!device) {
    const int number = static_cast<int>(index);
    device = new Device(DeviceKind::cuda, number, &make_cuda_accelerator(number));
  }
  return *device;
}

// Why a GPU cannot be used any more; empty for one that can, or that nobody has used.
std::string lost_device(size_t index) {
  CudaDevices& devices = cuda_devices();
  std::lock_guard<std::mutex> lock(devices.mutex);
  const bool made = index < devices.made.size() && devices.made[index];
  return made ? devices.made[index]->lost_because() : "";
}

// The number in "cuda" or "cuda:N"; -1 for other names.
int64_t cuda_index(const std::string& name) {
  if (name == "cuda") return 0;
  const bool numbered =
      name.size() > 5 && name.size() < 12 && name.compare(0, 5, "cuda:") == 0 &&
      std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return numbered ? std::stoll(name.substr(5)) : -1;
}

const CudaProperties* properties_of(Accelerator* accelerator) {
  return accelerator ? &accelerator->properties() : nullptr;
}

}  // namespace

Device::Device(DeviceKind kind, int index, Accelerator* accelerator)
    : kind_(kind),
      index_(index),
      accelerator_(accelerator),
      cuda_properties_(properties_of(accelerator)),
      allocator_(cpu_memory()) {}

Device& Device::cpu() {
  static Device* device = new Device(DeviceKind::cpu, 0, nullptr);
  return *device;
}

Device& Device::standard() {
  static Device* device = [] {
    const char* chosen = std::getenv("ATHANOR_DEVICE");
    if (chosen && *chosen && std::string(chosen) != "auto") return &get(chosen);
    return cuda_support().devices.empty() ? &cpu() : &cuda_device(0);
  }();
  return *device;
}

Device& Device::get(const std::string& name) {
  if (name == "cpu") return cpu();
  if (name == "auto") return standard();
  const int64_t index = cuda_index(name);
  if (index < 0) {
    throw Error(ErrorCode::argument,
                "device must be \"cpu\", \"cuda\", \"cuda:N\" or \"auto\", got \"" + name + "\"");
  }
  const CudaSupport& support = cuda_support();
  if (!support.reason.empty()) throw Error(ErrorCode::cuda, "device " + name + ": " + support.reason);
  const int64_t count = static_cast<int64_t>(support.devices.size());
  if (index >= count) {
    throw Error(ErrorCode::cuda,
                "device " + name + ": the last GPU of this machine is cuda:" + std::to_string(count - 1));
  }
  return cuda_device(static_cast<size_t>(index));
}

std::vector<DeviceState> Device::list() {
  DeviceState cpu_state;
  cpu_state.name = "cpu";
  cpu_state.kind = "cpu";
  cpu_state.memory = static_cast<double>(system_memory());
  cpu_state.available = true;
  std::vector<DeviceState> all{cpu_state};
  const CudaSupport& support = cuda_support();
  for (size_t i = 0; i < support.devices.size(); i++) {
    all.push_back(support.devices[i]);
    const std::string reason = lost_device(i);
    if (reason.empty()) continue;
    all.back().available = false;
    all.back().reason = reason;
  }
  if (support.devices.empty()) {
    DeviceState none;
    none.name = "cuda";
    none.kind = "cuda";
    none.reason = support.reason;
    all.push_back(none);
  }
  return all;
}

MemoryCounts Device::memory_counts() {
  return accelerator_ ? accelerator_->counts() : allocator_.counts();
}

void Device::empty_cache() {
  if (accelerator_) {
    accelerator_->empty_cache();
    accelerator_->reset_peak();
  } else {
    allocator_.empty_cache();
    allocator_.reset_peak();
  }
}

std::string Device::name() const {
  return kind_ == DeviceKind::cpu ? "cpu" : "cuda:" + std::to_string(index_);
}

void Device::submit(const QueueRef& queue, Command&& command) {
  bool wake;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue->commands.push_back(std::move(command));
    commands_++;
    news_++;
    if (!queue->listed) {
      queue->listed = true;
      waiting_[static_cast<int>(queue->priority)].push_back(queue);
    }
    wake = sleeping_;
  }
  if (wake) work_.notify_one();
}

void Device::drop(const Environment& environment) {
  std::vector<std::deque<Command>> dropped;  // destroyed without the lock
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& level : waiting_) {
    for (auto it = level.begin(); it != level.end();) {
      Queue& queue = **it;
      if (queue.environment.get() != &environment) {
        ++it;
        continue;
      }
      commands_ -= queue.commands.size();
      queue.completed += queue.commands.size();
      dropped.push_back(std::move(queue.commands));
      queue.commands.clear();
      queue.listed = false;
      it = level.erase(it);
    }
  }
  if (finish_waiters_) finished_.notify_all();
}

void Device::wait(const Queue& queue, uint64_t sequence) {
  std::unique_lock<std::mutex> lock(mutex_);
  finish_waiters_++;
  finished_.wait(lock, [&] { return queue.completed >= sequence; });
  finish_waiters_--;
}

void Device::arrive(Queue& arrival) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    arrival.completed = 1;
    news_++;
  }
  work_.notify_one();
}

void Device::start() {
  if (started_.load()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (started_.load()) return;
  if (accelerator_ && !completing_) std::thread([this] { complete(); }).detach();
  completing_ = true;
  std::thread([this] { execute(); }).detach();
  started_.store(true);
}

bool Device::runnable(const Queue& queue) {
  for (const Stamp& stamp : queue.commands.front().waits) {
    if (stamp.queue->completed < stamp.sequence) return false;
  }
  return true;
}

// The next command: highest priority first, queues of a priority in turn. What a head waits for always lies
// in the past of its environment, so nothing can lock; it may lie on another device.
bool Device::take(QueueRef& queue, Command& command) {
  for (auto& level : waiting_) {
    for (size_t i = 0; i < level.size(); i++) {
      if (!runnable(*level[i])) continue;
      queue = level[i];
      command = std::move(queue->commands.front());
      queue->commands.pop_front();
      level.erase(level.begin() + static_cast<ptrdiff_t>(i));
      if (queue->commands.empty()) {
        queue->listed = false;
      } else {
        level.push_back(queue);
      }
      commands_--;
      return true;
    }
  }
  return false;
}

void Device::execute() {
  name_thread(accelerator_ ? "athanor-cuda" : "athanor-cpu");
  lower_thread_priority();
  if (accelerator_) accelerator_->enter_thread();
  for (;;) {
    QueueRef queue;
    Command command;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      while (!take(queue, command)) {
        lock.unlock();
        auto until = std::chrono::steady_clock::now() + spin_time;
        while (commands_.load() == 0 && std::chrono::steady_clock::now() < until) cpu_relax();
        lock.lock();
        if (take(queue, command)) break;
        // Commands may be there, and all wait for another device.
        const uint64_t seen = news_;
        sleeping_ = true;
        work_.wait(lock, [&] { return news_ != seen; });
        sleeping_ = false;
      }
    }
    FailureRef failure;
    Execution execution{*this};
    const bool alive = run(command, queue, failure, execution);
    std::unique_ptr<Marker> marker;
    if (execution.completed && !failure) marker = mark(command, *queue, failure);
    let_go(command);
    if (marker) {
      hand_over({std::move(marker), std::move(execution.completed), queue, std::move(command), alive});
    } else {
      settle(*queue, command, alive, failure);
    }
    advance(*queue);
    queue->environment->command_finished();
  }
}

// Releases the command's storages: before anybody is told that it is done.
void Device::let_go(Command& command) {
  command.inputs.clear();
  command.outputs.clear();
  command.any_layout = nullptr;
  command.waits.clear();
  command.run = nullptr;
}

void Device::settle(Queue& queue, Command& command, bool alive, const FailureRef& failure) {
  Environment& environment = *queue.environment;
  environment.pending_commands.fetch_sub(1);
  if (command.staged_bytes) environment.staged_bytes.fetch_sub(static_cast<int64_t>(command.staged_bytes));
  if (alive && command.finished) command.finished(failure);
  command.finished = nullptr;
}

void Device::advance(Queue& queue) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue.completed++;
  if (finish_waiters_) finished_.notify_all();
}

bool Device::run(Command& command, const QueueRef& queue, FailureRef& failure, Execution& execution) {
  Environment& environment = *queue->environment;
  {
    std::lock_guard<std::mutex> lock(environment.mutex);
    if (environment.dead) return false;
  }
  for (const StorageRef& input : command.inputs) {
    if (input->failure) {
      failure = input->failure;
      break;
    }
  }
  if (!failure && command.kind != CommandKind::overwrite) {
    for (const StorageRef& output : command.outputs) {
      if (output->failure) {
        failure = output->failure;
        break;
      }
    }
  }
  if (!failure) {
    failure = guard(command, [&] {
      check_usable();
      if (accelerator_) enter_stream(command, *queue, execution);
      allocate(command, *queue);
      command.run(execution);
    });
  }
  if (failure && command.kind == CommandKind::update) {
    environment.report(failure, command.call);
  } else if (failure || command.kind == CommandKind::overwrite) {
    for (const StorageRef& output : command.outputs) output->failure = failure;
  }
  return true;
}

void Device::allocate(Command& command, Queue& queue) {
  auto ensure = [&](Storage& storage) {
    const bool fresh = !storage.data;
    storage.ensure();
    // What a command of another queue made is waited for by command.waits. An upload is no command, and
    // memory that is new here may still be in use on the stream that it comes from.
    if (accelerator_ && storage.home.get() != &queue && (fresh || storage.uploaded)) {
      queue.stream().wait_for(storage.home->stream());
    }
  };
  for (const StorageRef& input : command.inputs) {
    if (input != command.any_layout || accelerator_) ensure(*input);
  }
  for (const StorageRef& output : command.outputs) {
    ensure(*output);
    output->changing();
  }
}

FailureRef Device::guard(const Command& command, const std::function<void()>& body) {
  try {
    body();
    return nullptr;
  } catch (const Error& error) {
    std::string message = error.what();
    // Messages of the allocator do not know for whom; nor do those of CUDA calls.
    const bool nameless = error.code == ErrorCode::out_of_memory || error.code == ErrorCode::cuda;
    if (nameless) message = std::string(command.op) + ": " + message;
    if (error.code == ErrorCode::cuda && accelerator_) message = explain(message);
    return make_failure(command, error.code, message);
  } catch (const std::bad_alloc&) {
    return make_failure(command, ErrorCode::out_of_memory, std::string(command.op) + ": out of memory");
  } catch (const std::exception& error) {
    return make_failure(command, ErrorCode::internal, std::string(command.op) + ": " + error.what());
  } catch (...) {
    return make_failure(command, ErrorCode::internal, std::string(command.op) + ": unknown exception");
  }
}

}  // namespace athanor
