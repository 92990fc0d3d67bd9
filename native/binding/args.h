// Reading JavaScript arguments. TypeScript checks types before it calls; these only keep mistakes from harm.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "core/dtype.h"
#include "core/environment.h"

namespace athanor {

inline double number_argument(const Napi::CallbackInfo& info, size_t i) {
  double value;
  if (i >= info.Length() || napi_get_value_double(info.Env(), info[i], &value) != napi_ok)
    return std::nan("");
  return value;
}

inline bool flag_argument(const Napi::CallbackInfo& info, size_t i) {
  return i < info.Length() && info[i].ToBoolean().Value();
}

inline int64_t integer_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  double value = number_argument(info, i);
  if (!(value == std::floor(value)) || std::fabs(value) > 9007199254740991.0) {
    throw Error(ErrorCode::argument, std::string(name) + " must be an integer");
  }
  return static_cast<int64_t>(value);
}

inline std::string string_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (i >= info.Length() || !info[i].IsString())
    throw Error(ErrorCode::argument, std::string(name) + " must be a string");
  return info[i].As<Napi::String>().Utf8Value();
}

inline DType dtype_argument(const Napi::CallbackInfo& info, size_t i) {
  int64_t value = integer_argument(info, i, "dtype");
  if (value < 0 || value >= dtype_count) throw Error(ErrorCode::argument, "dtype must be 0 to 4");
  return static_cast<DType>(value);
}

// The bytes of a typed array, DataView or ArrayBuffer.
struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};
Bytes bytes_argument(const Napi::CallbackInfo& info, size_t i, const char* name);

}  // namespace athanor
