// Queues, readiness, memory, threads.
#include <algorithm>
#include <atomic>

#include "binding/args.h"
#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "core/accelerator.h"
#include "core/device.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"

namespace athanor {

namespace {

// createQueue(device name, priority) -> id; removeQueue(id)
Napi::Value create_queue(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Device& device = Device::get(string_argument(info, 0, "device"));
    device.check_usable();
    int64_t priority = integer_argument(info, 1, "priority");
    if (priority < 0 || priority >= priority_count)
      throw Error(ErrorCode::argument, "priority must be 0 to 2");
    int32_t id = NodeEnvironment::of(info.Env()).add_queue(device, static_cast<Priority>(priority));
    return Napi::Number::New(info.Env(), id);
  });
}

Napi::Value remove_queue(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment::of(info.Env()).remove_queue(static_cast<int32_t>(integer_argument(info, 0, "queue")));
    return info.Env().Undefined();
  });
}

// ready(id) -> true when there is room and nothing to report; otherwise `id` is completed later
Napi::Value ready(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    double id = number_argument(info, 0);
    if (FailureRef failure = environment.claim_failure()) {
      throw environment.make_error(info.Env(), failure->code, failure->message, failure->call);
    }
    if (environment.has_room()) return Napi::Boolean::New(info.Env(), true);
    environment.promise_made();
    environment.wait_until_ready(id);
    return Napi::Boolean::New(info.Env(), false);
  });
}

// Calls `done` when all that was queued on the device has run, there too.
void wait_for_queues(NodeEnvironment& environment, Device& device,
                     std::function<void(const FailureRef&)> done) {
  Command command;
  command.op = "synchronize";
  command.call = environment.calls;
  for (const QueueRef& queue : environment.queues()) {
    if (queue->enqueued && &queue->device == &device) command.waits.push_back({queue, queue->enqueued});
  }
  command.run = [](Execution& e) {
    if (e.device.accelerator()) e.completed = [] {};
  };
  command.finished = std::move(done);
  // On a queue of its own at the front: it holds up nobody and depends on everybody.
  auto queue = std::make_shared<Queue>(device, environment.shared_from_this(), Priority::high, 0);
  environment.enqueue(queue, std::move(command));
}

// synchronize(id): completes `id` when all that was queued before has run.
Napi::Value synchronize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    double id = number_argument(info, 0);
    auto held = std::static_pointer_cast<NodeEnvironment>(environment.shared_from_this());
    std::vector<Device*> devices{&Device::cpu()};
    for (const QueueRef& queue : environment.queues()) {
      if (std::find(devices.begin(), devices.end(), &queue->device) == devices.end()) {
        devices.push_back(&queue->device);
      }
    }
    auto left = std::make_shared<std::atomic<size_t>>(devices.size());
    auto one_is_done = [held, id, left](const FailureRef&) {
      if (--*left == 0) held->settle({id, nullptr, true});
    };
    for (Device* device : devices) wait_for_queues(environment, *device, one_is_done);
    environment.promise_made();
    return info.Env().Undefined();
  });
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array answer = Napi::Array::New(env);
  uint32_t row = 0;
  for (const DeviceState& state : Device::list()) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", state.name);
    entry.Set("kind", state.kind);
    entry.Set("memory", state.memory);
    entry.Set("available", Napi::Boolean::New(env, state.available));
    if (!state.reason.empty()) entry.Set("reason", state.reason);
    answer.Set(row++, entry);
  }
  return answer;
}

// checkDevice(name) -> the device's own name ("auto" -> "cpu"); throws for what is not available
Napi::Value check_device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Device& device = Device::get(string_argument(info, 0, "device"));
    device.check_usable();
    return Napi::String::New(info.Env(), device.name());
  });
}

// memory(device) -> [live, cached, peak] in bytes, of the process
Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    MemoryCounts counts = Device::get(string_argument(info, 0, "device")).memory_counts();
    Napi::Array answer = Napi::Array::New(info.Env(), 3);
    answer.Set(0u, static_cast<double>(counts.live));
    answer.Set(1u, static_cast<double>(counts.cached));
    answer.Set(2u, static_cast<double>(counts.peak));
    return answer;
  });
}

Napi::Value empty_cache(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Device::get(string_argument(info, 0, "device")).empty_cache();
    return info.Env().Undefined();
  });
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    set_thread_count(static_cast<int>(integer_argument(info, 0, "setThreads: n")));
    return info.Env().Undefined();
  });
}

// state() -> [pending commands, staged bytes, live handles, threads, instruction set]
Napi::Value state(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    Napi::Array answer = Napi::Array::New(info.Env(), 5);
    answer.Set(0u, static_cast<double>(environment.pending_commands.load()));
    answer.Set(1u, static_cast<double>(environment.staged_bytes.load()));
    answer.Set(2u, static_cast<double>(environment.handle_count()));
    answer.Set(3u, thread_count());
    answer.Set(4u, kernels().isa);
    return answer;
  });
}

// trace(on): starts or ends a trace of commands -> what was traced so far, [op, bytes read, bytes written,
// milliseconds] each. The times are there when the queues are empty.
Napi::Value trace(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    environment.tracing = info[0].ToBoolean();
    Napi::Array rows = Napi::Array::New(info.Env(), environment.trace.size());
    for (size_t i = 0; i < environment.trace.size(); i++) {
      const TracedCommand& command = *environment.trace[i];
      Napi::Array row = Napi::Array::New(info.Env(), 4);
      row.Set(0u, command.op);
      row.Set(1u, static_cast<double>(command.bytes_read));
      row.Set(2u, static_cast<double>(command.bytes_written));
      row.Set(3u, (command.timer ? command.timer->seconds() : command.seconds) * 1e3);
      rows.Set(static_cast<uint32_t>(i), row);
    }
    environment.trace.clear();
    return rows;
  });
}

}  // namespace

void export_devices(Napi::Env env, Napi::Object exports) {
  exports.Set("createQueue", Napi::Function::New(env, create_queue));
  exports.Set("removeQueue", Napi::Function::New(env, remove_queue));
  exports.Set("ready", Napi::Function::New(env, ready));
  exports.Set("synchronize", Napi::Function::New(env, synchronize));
  exports.Set("devices", Napi::Function::New(env, devices));
  exports.Set("checkDevice", Napi::Function::New(env, check_device));
  exports.Set("memory", Napi::Function::New(env, memory));
  exports.Set("emptyCache", Napi::Function::New(env, empty_cache));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("trace", Napi::Function::New(env, trace));
  exports.Set("state", Napi::Function::New(env, state));
}

}  // namespace athanor
