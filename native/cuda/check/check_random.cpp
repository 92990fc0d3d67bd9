// random: uniform numbers equal the CPU's, normal ones to the rounding of log, sin and cos.
#include "cuda/check/elementwise_cases.h"
#include "ops/random/random.h"

namespace athanor {
namespace {

void check_random(KernelCheck& check, size_t n, size_t offset, Distribution distribution, double a,
                  double b) {
  std::vector<float> wanted(n);
  DeviceArray<float> y(n, offset);
  Random r{wanted.data(), static_cast<int64_t>(n), distribution, a, b, 77, (uint64_t{3} << 33) + 1};
  random_forward(Cpu{}, r);
  r.y = y.data();
  random_forward(check.cuda, r);
  const bool exact = distribution == Distribution::uniform;
  check.close("y", y.floats(), wanted, exact ? Tolerance{} : Tolerance{1e-7, 1e-6});
}

KERNEL_CHECK(random, "lengths") {
  for (size_t n : lengths) {
    for (size_t offset : {0, 1}) check_random(check, n, offset, Distribution::uniform, -1, 2);
  }
}

KERNEL_CHECK(random, "distributions") {
  for (size_t n : {size_t{5}, size_t{1000}}) {
    check_random(check, n, 0, Distribution::normal, 0.5, 2);
    check_random(check, n, 0, Distribution::truncated_normal, 0, 0.02);
    // A range of which every number rounds up to the end: the largest below it takes its place.
    check_random(check, n, 0, Distribution::uniform, 1, 1 + 1e-8);
    check_random(check, n, 0, Distribution::uniform, 1, 1 + 0x1p-23);
  }
}

}  // namespace
}  // namespace athanor
