// The element-wise functions that ops share: activations and a few plain ones. The numbers cross to
// JavaScript, so new ones go at the end.
#pragma once

#include <cstdint>

namespace athanor {

enum class Function : int32_t {
  identity = 0,
  relu = 1,
  gelu = 2,        // exact: x * Phi(x)
  gelu_tanh = 3,   // 0.5x(1 + tanh(sqrt(2/pi)(x + 0.044715x^3)))
  gelu_quick = 4,  // x * sigmoid(1.702x)
  silu = 5,
  tanh = 6,
  sigmoid = 7,
  exp = 8,
  log = 9,
  sqrt = 10,
};
constexpr int32_t function_count = 11;

enum class Arithmetic : int32_t { add = 0, subtract = 1, multiply = 2, divide = 3 };

}  // namespace athanor
