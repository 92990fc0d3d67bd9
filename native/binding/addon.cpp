// The addon: exports only.
#include <napi.h>

#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "core/error.h"
#include "core/system.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"

namespace athanor {

namespace {

// initialize(makeError, complete, customBackward, customRelease)
Napi::Value initialize(const Napi::CallbackInfo& info) {
  NodeEnvironment::of(info.Env())
      .initialize(info[0].As<Napi::Function>(), info[1].As<Napi::Function>(), info[2].As<Napi::Function>(),
                  info[3].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  pin_library();
  try {  // a wrong ATHANOR_ISA or ATHANOR_THREADS fails here, not in the first op
    kernels();
    thread_count();
  } catch (const Error& error) {
    throw Napi::Error::New(env, error.what());
  }
  NodeEnvironment::create(env);
  exports.Set("initialize", Napi::Function::New(env, initialize));
  export_ops(env, exports);
  export_tensors(env, exports);
  export_autograd(env, exports);
  export_devices(env, exports);
  export_files(env, exports);
  return exports;
}

}  // namespace

}  // namespace athanor

static Napi::Object athanor_start(Napi::Env env, Napi::Object exports) {
  return athanor::start(env, exports);
}

NODE_API_MODULE(athanor, athanor_start)
