// The environment as Node knows it: handles for JavaScript, promises, teardown.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "core/environment.h"

namespace athanor {

// What becomes of a promise: settled by the JavaScript function `complete` given to initialize().
struct Completion {
  double id;
  FailureRef failure;  // null: resolved
  bool ready = false;  // a ready()/synchronize(): rejects with an unclaimed failure
};

class NodeEnvironment final : public Environment {
 public:
  static NodeEnvironment& of(Napi::Env env);
  static void create(Napi::Env env);

  // ---- JavaScript thread ----
  void initialize(Napi::Function make_error, Napi::Function complete, Napi::Function custom_backward,
                  Napi::Function custom_release);
  // The JavaScript error for a failure; plain Error before initialize().
  Napi::Error make_error(Napi::Env env, ErrorCode code, const std::string& message, uint64_t call);
  void promise_made();                // keeps the process alive until the promise is settled
  void wait_until_ready(double id);   // settles when there is room again
  void report_memory(Napi::Env env);  // tells the garbage collector, in steps

  // ---- any thread ----
  void settle(const Completion& completion);
  void command_finished() override;

 private:
  static void drain(napi_env env, napi_value callback, void* context, void* data);
  static std::vector<TensorRef> call_custom_backward(Environment&, double id, const std::vector<TensorRef>&);
  static void call_custom_release(Environment&, double id);
  void settle_locked(const Completion& completion);
  void tell(Napi::Env env, const Completion& completion);

  napi_env env_ = nullptr;
  napi_threadsafe_function wake_ = nullptr;
  Napi::FunctionReference make_error_, complete_, custom_backward_, custom_release_;
  int64_t promises_ = 0;
  int64_t reported_bytes_ = 0;
  std::vector<Completion> completions_;  // guarded by mutex
  std::vector<double> ready_waiters_;    // guarded by mutex
};

}  // namespace athanor
