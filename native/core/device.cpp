#include "core/device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

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

std::string no_cuda_reason() {
#ifdef WITH_CUDA
  return "CUDA device code is not linked";
#else
  return "no CUDA in this build: build with `npm run build:cuda` where a CUDA compiler is installed";
#endif
}

}  // namespace

Device::Device(DeviceKind kind, int index, RawMemory& raw) : kind_(kind), index_(index), allocator_(raw) {}

Device& Device::cpu() {
  static Device* device = new Device(DeviceKind::cpu, 0, cpu_memory());
  return *device;
}

Device& Device::get(const std::string& name) {
  if (name == "cpu" || name == "auto") return cpu();
  bool numbered = name.size() > 5 && name.compare(0, 5, "cuda:") == 0 &&
                  std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name == "cuda" || numbered) throw Error(ErrorCode::cuda, "device " + name + ": " + no_cuda_reason());
  throw Error(ErrorCode::argument,
              "device must be \"cpu\", \"cuda\", \"cuda:N\" or \"auto\", got \"" + name + "\"");
}

std::vector<DeviceState> Device::list() {
  DeviceState cpu_state;
  cpu_state.name = "cpu";
  cpu_state.kind = "cpu";
  cpu_state.memory = static_cast<double>(system_memory());
  cpu_state.available = true;
  DeviceState cuda_state;
  cuda_state.name = "cuda";
  cuda_state.kind = "cuda";
  cuda_state.reason = no_cuda_reason();
  return {cpu_state, cuda_state};
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

void Device::start() {
  if (started_.load()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (started_.load()) return;
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
// in the past of its environment, so some head is runnable whenever there are commands.
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
  name_thread("athanor-cpu");
  lower_thread_priority();
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
        if (commands_ > 0) continue;
        sleeping_ = true;
        work_.wait(lock, [this] { return commands_ > 0; });
        sleeping_ = false;
      }
    }
    FailureRef failure;
    bool alive = run(command, *queue, failure);
    size_t staged = command.staged_bytes;
    auto finished = std::move(command.finished);
    command = Command();  // releases its storages before anybody is told
    Environment& environment = *queue->environment;
    environment.pending_commands.fetch_sub(1);
    if (staged) environment.staged_bytes.fetch_sub(static_cast<int64_t>(staged));
    if (alive && finished) finished(failure);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue->completed++;
      if (finish_waiters_) finished_.notify_all();
    }
    environment.command_finished();
  }
}

bool Device::run(Command& command, const Queue& queue, FailureRef& failure) {
  Environment& environment = *queue.environment;
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
  if (!failure) failure = try_run(command);
  if (failure && command.kind == CommandKind::update) {
    environment.report(failure, command.call);
  } else if (failure || command.kind == CommandKind::overwrite) {
    for (const StorageRef& output : command.outputs) output->failure = failure;
  }
  return true;
}

FailureRef Device::try_run(Command& command) {
  try {
    for (const StorageRef& input : command.inputs) {
      if (input != command.any_layout) input->ensure();
    }
    for (const StorageRef& output : command.outputs) {
      output->ensure();
      output->changing();
    }
    Execution execution{*this};
    command.run(execution);
    return nullptr;
  } catch (const Error& error) {
    std::string message = error.what();
    // Messages of the allocator do not know for whom.
    if (error.code == ErrorCode::out_of_memory) message = std::string(command.op) + ": " + message;
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
