#include "binding/node_environment.h"

#include "binding/errors.h"
#include "core/tensor.h"

namespace athanor {

namespace {

constexpr int64_t report_step = int64_t{8} << 20;  // a report costs more than a tensor

struct Instance {
  std::shared_ptr<NodeEnvironment> environment;
};

}  // namespace

NodeEnvironment& NodeEnvironment::of(Napi::Env env) {
  return *env.GetInstanceData<Instance>()->environment;
}

void NodeEnvironment::create(Napi::Env env) {
  auto environment = std::make_shared<NodeEnvironment>();
  environment->env_ = env;
  environment->custom_backward = call_custom_backward;
  environment->custom_release = call_custom_release;
  napi_value name;
  napi_create_string_utf8(env, "athanor", NAPI_AUTO_LENGTH, &name);
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                                       environment.get(), drain, &environment->wake_);
  if (status != napi_ok) throw Napi::Error::New(env, "athanor: no thread-safe function");
  napi_unref_threadsafe_function(env, environment->wake_);
  env.SetInstanceData(new Instance{environment});
  // After the thread-safe function was made: hooks run last in, first out, so this comes before its end. The
  // executor may hold the environment beyond this; nothing of Node is touched once it is dead.
  auto* held = new std::shared_ptr<NodeEnvironment>(environment);
  napi_add_env_cleanup_hook(
      env,
      [](void* data) {
        auto* held = static_cast<std::shared_ptr<NodeEnvironment>*>(data);
        NodeEnvironment& environment = **held;
        environment.make_error_.Reset();
        environment.complete_.Reset();
        environment.custom_backward_.Reset();
        environment.custom_release_.Reset();
        environment.end();
        delete held;
      },
      held);
}

void NodeEnvironment::initialize(Napi::Function make_error, Napi::Function complete,
                                 Napi::Function custom_backward, Napi::Function custom_release) {
  make_error_ = Napi::Persistent(make_error);
  complete_ = Napi::Persistent(complete);
  custom_backward_ = Napi::Persistent(custom_backward);
  custom_release_ = Napi::Persistent(custom_release);
}

Napi::Error NodeEnvironment::make_error(Napi::Env env, ErrorCode code, const std::string& message,
                                        uint64_t call) {
  if (make_error_.IsEmpty()) return Napi::Error::New(env, message);
  Napi::Value error =
      make_error_.Call({Napi::String::New(env, error_code_name(code)), Napi::String::New(env, message),
                        Napi::Number::New(env, static_cast<double>(call))});
  return Napi::Error(env, error);
}

void NodeEnvironment::promise_made() {
  if (promises_++ == 0) napi_ref_threadsafe_function(env_, wake_);
}

void NodeEnvironment::settle_locked(const Completion& completion) {
  if (dead) return;
  bool first = completions_.empty();
  completions_.push_back(completion);
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void NodeEnvironment::settle(const Completion& completion) {
  std::lock_guard<std::mutex> lock(mutex);
  settle_locked(completion);
}

void NodeEnvironment::wait_until_ready(double id) {
  std::lock_guard<std::mutex> lock(mutex);
  // The last command may have finished since the caller looked.
  if (has_room(2)) {
    settle_locked({id, nullptr, true});
  } else {
    ready_waiters_.push_back(id);
  }
}

void NodeEnvironment::command_finished() {
  if (!has_room(2)) return;
  std::lock_guard<std::mutex> lock(mutex);
  for (double id : ready_waiters_) settle_locked({id, nullptr, true});
  ready_waiters_.clear();
}

void NodeEnvironment::drain(napi_env raw, napi_value, void* context, void*) {
  if (!raw) return;  // the environment is going away
  auto& self = *static_cast<NodeEnvironment*>(context);
  Napi::Env env(raw);
  std::vector<Completion> done;
  {
    std::lock_guard<std::mutex> lock(self.mutex);
    if (self.dead) return;
    done.swap(self.completions_);
  }
  for (const Completion& completion : done) {
    if (--self.promises_ == 0) napi_unref_threadsafe_function(env, self.wake_);
    try {
      self.tell(env, completion);
    } catch (const Napi::Error&) {
      // A worker is being ended: no JavaScript runs any more. An exception must not leave this callback.
    }
  }
}

void NodeEnvironment::tell(Napi::Env env, const Completion& completion) {
  Napi::HandleScope scope(env);
  FailureRef failure = completion.failure;
  if (!failure && completion.ready) failure = claim_failure();
  Napi::Value error = env.Undefined();
  if (failure) error = make_error(env, failure->code, failure->message, failure->call).Value();
  complete_.Call({Napi::Number::New(env, completion.id), error});
}

void NodeEnvironment::report_memory(Napi::Env env) {
  int64_t live = live_bytes.load();
  int64_t change = live - reported_bytes_;
  if (change < report_step && change > -report_step) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, change);
  reported_bytes_ = live;
}

std::vector<TensorRef> NodeEnvironment::call_custom_backward(Environment& environment, double id,
                                                             const std::vector<TensorRef>& gradients) {
  auto& self = static_cast<NodeEnvironment&>(environment);
  Napi::Env env(self.env_);
  Napi::HandleScope scope(env);
  Napi::Array handles = Napi::Array::New(env, gradients.size());
  for (size_t i = 0; i < gradients.size(); i++) {
    handles.Set(static_cast<uint32_t>(i),
                Napi::Number::New(env, gradients[i] ? self.add_handle(gradients[i]) : 0));
  }
  Napi::Value answer = self.custom_backward_.Call({Napi::Number::New(env, id), handles});
  Napi::Array returned = answer.As<Napi::Array>();
  std::vector<TensorRef> results;
  for (uint32_t i = 0; i < returned.Length(); i++) {
    double handle = returned.Get(i).As<Napi::Number>().DoubleValue();
    results.push_back(handle == 0 ? nullptr : self.tensor(handle, "customFunction", "gradient"));
    self.release_handle(handle);  // made for this answer alone
  }
  return results;
}

void NodeEnvironment::call_custom_release(Environment& environment, double id) {
  auto& self = static_cast<NodeEnvironment&>(environment);
  if (self.dead || self.custom_release_.IsEmpty()) return;
  Napi::Env env(self.env_);
  Napi::HandleScope scope(env);
  try {
    self.custom_release_.Call({Napi::Number::New(env, id)});
  } catch (const Napi::Error&) {
    // Called from destructors. It fails only where a worker is being ended, and then all is freed anyway.
  }
}

}  // namespace athanor
