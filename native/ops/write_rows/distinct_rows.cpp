#include <algorithm>
#include <string>
#include <vector>

#include "ops/write_rows/write_rows.h"

namespace athanor {

void check_distinct_rows(const char* op, const char* name, const int32_t* rows, int64_t count, int64_t limit,
                         ErrorCode code) {
  const auto fail = [&](const std::string& text) {
    throw Error(code, std::string(op) + ": " + name + " must " + text);
  };
  bool ascending = true;
  for (int64_t i = 0; i < count; i++) {
    if (rows[i] < 0 || rows[i] >= limit) {
      fail("lie within the " + std::to_string(limit) + " rows of the target, got " + std::to_string(rows[i]));
    }
    ascending = ascending && (i == 0 || rows[i - 1] < rows[i]);
  }
  if (ascending) return;
  std::vector<int32_t> sorted(rows, rows + count);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) fail("be distinct, got " + std::to_string(*twice) + " twice");
}

}  // namespace athanor
