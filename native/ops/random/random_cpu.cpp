#include "cpu/pool.h"
#include "ops/random/random.h"

namespace athanor {

namespace {

constexpr size_t grain = 1024;  // blocks of four elements

void fill_block(const Random& r, int64_t block) {
  const int64_t first = block * 4;
  const int count = static_cast<int>(r.n - first < 4 ? r.n - first : 4);
  const PhiloxWords w = philox(r.seed, r.call, static_cast<uint64_t>(block));
  double z[4];
  if (r.distribution == Distribution::normal) {
    normal_pair(w.word[0], w.word[1], z);
    normal_pair(w.word[2], w.word[3], z + 2);
  }
  for (int i = 0; i < count; i++) {
    float* y = r.y + first + i;
    switch (r.distribution) {
      case Distribution::uniform: *y = uniform_value(w.word[i], r.a, r.b); break;
      case Distribution::normal: *y = static_cast<float>(r.a + r.b * z[i]); break;
      case Distribution::truncated_normal:
        *y = static_cast<float>(r.a +
                                r.b * truncated_normal(r.seed, r.call, static_cast<uint64_t>(first + i)));
        break;
    }
  }
}

}  // namespace

void random_forward(Cpu, const Random& r) {
  parallel_ranges(static_cast<size_t>((r.n + 3) / 4), grain, [&](size_t begin, size_t end, Worker&) {
    for (size_t block = begin; block < end; block++) fill_block(r, static_cast<int64_t>(block));
  });
}

}  // namespace athanor
