// Arguments that attention and attention over a cache read and check alike.
#pragma once

#include "core/call.h"

namespace athanor {

// D of q (rows, heads * D), which must be what the kernels of its device take.
int64_t read_head_size(const Call& c, const TensorRef& q, int64_t heads);

// Three positions: the table (buckets, H) or 0, bidirectional, maxDistance. `dtype`: that of q, which the
// table may have instead of f32.
struct RelativeArguments {
  TensorRef table;  // null: no bias, and zeros in what follows
  int64_t buckets, max_distance;
  bool bidirectional;
};
RelativeArguments read_relative_bias(Call& c, int first, DType dtype, int64_t heads);

}  // namespace athanor
