#include <algorithm>
#include <limits>

#include "ops/attention/attention_launch.h"
#include "ops/attention/relative_bias.h"

namespace athanor {

namespace {

// The host's numbers travel as arguments of a launch: a copy from memory that is not pinned would wait for
// the stream.
constexpr int starts_of_a_launch = 256;

struct Starts {
  int32_t first[starts_of_a_launch];
};

__global__ void __launch_bounds__(starts_of_a_launch)
    bucket_starts_kernel(const Starts starts, int32_t* to, int count) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) to[i] = starts.first[i];
}

// The least distance whose bucket, of one side, is `bucket` or a later one.
int32_t start_of(int64_t bucket, bool bidirectional, int64_t buckets, int64_t max_distance) {
  const int64_t exact = relative_exact(bidirectional, buckets);
  if (bucket <= exact) return static_cast<int32_t>(bucket);
  // Not `bucket` itself: where buckets are many, those beyond the exact ones begin before their number. The
  // last one begins by max_distance.
  int64_t least = exact, beyond = 2 * max_distance;
  while (beyond - least > 1) {
    const int64_t middle = (least + beyond) / 2;
    if (relative_bucket(-middle, bidirectional, buckets, max_distance) >= bucket) {
      beyond = middle;
    } else {
      least = middle;
    }
  }
  return static_cast<int32_t>(std::min<int64_t>(beyond, std::numeric_limits<int32_t>::max()));
}

}  // namespace

BucketStarts::BucketStarts(const Cuda& cuda, int64_t buckets, bool bidirectional, int64_t max_distance)
    : side_(static_cast<int>(bidirectional ? buckets / 2 : buckets)) {
  if (buckets == 0) return;
  data_ = std::make_unique<Scratch<int32_t>>(cuda, side_);
  for (int begin = 0; begin < side_; begin += starts_of_a_launch) {
    const int count = std::min(starts_of_a_launch, side_ - begin);
    Starts starts{};
    for (int i = 0; i < count; i++) {
      starts.first[i] = start_of(begin + i, bidirectional, buckets, max_distance);
    }
    launch(bucket_starts_kernel, 1, starts_of_a_launch, 0, cuda.stream, starts, data_->data() + begin, count);
  }
}

}  // namespace athanor
