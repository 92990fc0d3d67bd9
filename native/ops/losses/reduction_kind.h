// How a loss is reduced to its result. The numbers cross to JavaScript.
#pragma once

#include <cstdint>

namespace athanor {

enum class Reduction : int32_t { mean = 0, sum = 1, none = 2 };
constexpr int32_t reduction_count = 3;

}  // namespace athanor
