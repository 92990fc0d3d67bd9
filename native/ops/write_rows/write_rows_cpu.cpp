#include <cstring>

#include "cpu/pool.h"
#include "ops/write_rows/write_rows.h"

namespace athanor {

void write_rows(Cpu, const WriteRows& a) {
  if (a.row_bytes == 0) return;
  const size_t bytes = static_cast<size_t>(a.row_bytes);
  // A copy is worth another thread from about 256 KB on.
  parallel_ranges(static_cast<size_t>(a.count), 262144 / bytes + 1, [&](size_t begin, size_t end, Worker&) {
    for (size_t i = begin; i < end; i++) {
      std::memcpy(a.target + a.rows.data[i] * a.target_stride, a.x + static_cast<int64_t>(i) * a.x_stride,
                  bytes);
    }
  });
}

}  // namespace athanor
