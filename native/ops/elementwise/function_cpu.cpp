#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/elementwise/elementwise.h"

namespace athanor {

namespace {
constexpr size_t grain = 8192;  // elements: below this a wake-up costs more than the work
}

void function_forward(Cpu, const FunctionForward<float>& a) {
  const Kernels& k = kernels();
  parallel_ranges(static_cast<size_t>(a.n), grain, [&](size_t begin, size_t end, Worker&) {
    k.function(a.function, a.y + begin, a.x + begin, end - begin);
  });
}

void function_backward(Cpu, const FunctionBackward<float>& a) {
  const Kernels& k = kernels();
  parallel_ranges(static_cast<size_t>(a.n), grain, [&](size_t begin, size_t end, Worker&) {
    k.function_backward(a.function, a.dx + begin, a.dy + begin, a.x ? a.x + begin : nullptr,
                        a.y ? a.y + begin : nullptr, end - begin);
  });
}

}  // namespace athanor
