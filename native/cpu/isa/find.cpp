// Which elements of a row are large.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {

size_t find_above(int32_t* found, size_t most, const float* x, size_t n, float threshold, size_t* from) {
  constexpr size_t block = 4 * W;  // at most the 64 that the caller has room for
  const vf limit = splat(threshold);
  size_t count = 0, i = *from;
  const auto look_closely = [&](size_t end) {
    for (size_t j = i; j < end; j++) {
      if (!(x[j] <= threshold)) found[count++] = static_cast<int32_t>(j);
    }
  };
  for (; i + block <= n && count < most; i += block) {
    vi none_above = (load(x + i) <= limit) & (load(x + i + W) <= limit);
    none_above &= (load(x + i + 2 * W) <= limit) & (load(x + i + 3 * W) <= limit);
    if (any_lane(~none_above)) look_closely(i + block);
  }
  if (i + block > n && count < most) {
    look_closely(n);
    i = n;
  }
  *from = i;
  return count;
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
