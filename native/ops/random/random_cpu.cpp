#include <algorithm>

#include "cpu/pool.h"
#include "ops/random/random.h"

namespace athanor {

namespace {

constexpr size_t grain = 1024;  // blocks of four elements

}  // namespace

void random_forward(Cpu, const Random& r) {
  parallel_ranges(static_cast<size_t>((r.n + 3) / 4), grain, [&](size_t begin, size_t end, Worker&) {
    for (size_t block = begin; block < end; block++) {
      const RandomBlock values = random_block(r, block);
      const int64_t first = static_cast<int64_t>(block) * 4;
      std::copy_n(values.value, std::min<int64_t>(4, r.n - first), r.y + first);
    }
  });
}

}  // namespace athanor
