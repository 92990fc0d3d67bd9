#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/dropout/dropout.h"

namespace athanor {

namespace {
constexpr size_t grain = 8192;  // elements
}

void dropout_forward(Cpu, const Dropout<float>& a) {
  parallel_ranges(static_cast<size_t>(a.n), grain, [&](size_t begin, size_t end, Worker&) {
    kernels().dropout(a.y + begin, a.x + begin, end - begin, a.p, a.seed, a.call, begin);
  });
}

}  // namespace athanor
