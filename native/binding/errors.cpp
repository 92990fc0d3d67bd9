#include "binding/errors.h"

#include <new>

#include "binding/node_environment.h"

namespace athanor {

namespace {

// Thrown from the call itself: its own stack says where, no op call has to be looked up.
constexpr uint64_t no_call = 0;

}  // namespace

void rethrow_as_javascript(Napi::Env env) {
  NodeEnvironment& environment = NodeEnvironment::of(env);
  try {
    throw;
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw environment.make_error(env, error.code, error.what(), no_call);
  } catch (const std::bad_alloc&) {
    throw environment.make_error(env, ErrorCode::out_of_memory, "out of memory", no_call);
  } catch (const std::exception& error) {
    throw environment.make_error(env, ErrorCode::internal, error.what(), no_call);
  } catch (...) {
    throw environment.make_error(env, ErrorCode::internal, "unknown exception", no_call);
  }
}

}  // namespace athanor
