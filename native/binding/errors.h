// From the engine's Error to a JavaScript error: the only place.
#pragma once

#include <napi.h>

#include "core/error.h"

namespace athanor {

// Runs body and turns what it throws into a JavaScript exception.
template <class Body>
Napi::Value guarded(Napi::Env env, const Body& body);

// Throws the exception that is being handled as a Napi::Error; call inside catch (...).
[[noreturn]] void rethrow_as_javascript(Napi::Env env);

template <class Body>
Napi::Value guarded(Napi::Env env, const Body& body) {
  try {
    return body();
  } catch (...) {
    rethrow_as_javascript(env);
  }
}

}  // namespace athanor
