// Element types. The numbers cross to JavaScript (src/native/contract.ts).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/error.h"

namespace athanor {

enum class DType : int32_t { f32 = 0, bf16 = 1, i32 = 2, i8 = 3, u8 = 4 };
constexpr int32_t dtype_count = 5;

// An element of a bf16 tensor: the upper half of a float's bits. Kernels convert with cuda/bf16.h, the CPU's
// code with the functions of cpu/isa.
struct bf16 {
  uint16_t bits;
};

inline size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::f32: return 4;
    case DType::bf16: return 2;
    case DType::i32: return 4;
    case DType::i8: return 1;
    case DType::u8: return 1;
  }
  throw Error(ErrorCode::internal, "dtype_size: unknown dtype");
}

inline const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::bf16: return "bf16";
    case DType::i32: return "i32";
    case DType::i8: return "i8";
    case DType::u8: return "u8";
  }
  return "unknown";
}

}  // namespace athanor
