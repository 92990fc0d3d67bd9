// The one exception of the engine. Codes are those of src/errors.ts; only binding/errors.cpp turns it into a
// JavaScript error.
#pragma once

#include <stdexcept>
#include <string>

namespace athanor {

enum class ErrorCode {
  shape,
  dtype,
  device,
  argument,
  disposed,
  version,
  queue_full,
  out_of_memory,
  cuda,
  checkpoint,
  data,
  aborted,
  internal,
};

inline const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::shape: return "ERR_SHAPE";
    case ErrorCode::dtype: return "ERR_DTYPE";
    case ErrorCode::device: return "ERR_DEVICE";
    case ErrorCode::argument: return "ERR_ARGUMENT";
    case ErrorCode::disposed: return "ERR_DISPOSED";
    case ErrorCode::version: return "ERR_VERSION";
    case ErrorCode::queue_full: return "ERR_QUEUE_FULL";
    case ErrorCode::out_of_memory: return "ERR_OUT_OF_MEMORY";
    case ErrorCode::cuda: return "ERR_CUDA";
    case ErrorCode::checkpoint: return "ERR_CHECKPOINT";
    case ErrorCode::data: return "ERR_DATA";
    case ErrorCode::aborted: return "ERR_ABORTED";
    case ErrorCode::internal: return "ERR_INTERNAL";
  }
  return "ERR_INTERNAL";
}

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code(code) {}
  const ErrorCode code;
};

}  // namespace athanor
