#include <string>

#include "ops/cached_attention/cached_attention.h"

namespace athanor {

void check_cached_rows(const CachedAttentionSettings& in, const int32_t* lengths, const int32_t* rows,
                       const int32_t* starts, ErrorCode code) {
  const auto fail = [&](const std::string& text) { throw Error(code, "cached_attention: " + text); };
  const auto got = [](int64_t value, int64_t query) {
    return ", got " + std::to_string(value) + " at query " + std::to_string(query);
  };
  const std::string cache = "the " + std::to_string(in.cache_rows) + " rows of keys";
  for (int64_t i = 0; i < in.queries; i++) {
    const int64_t length = lengths[i];
    if (length < 0) fail("lengths must not be negative" + got(length, i));
    if (starts) {
      const int64_t start = starts[i];
      if (start < 0) fail("starts must not be negative" + got(start, i));
      if (start + length > in.cache_rows) {
        fail("starts + lengths must lie within " + cache + got(start + length, i));
      }
      continue;
    }
    if (length > in.columns) {
      fail("lengths must be at most the " + std::to_string(in.columns) + " columns of rows" + got(length, i));
    }
    const int32_t* row = rows + i * in.columns;
    for (int64_t j = 0; j < length; j++) {
      if (row[j] < 0 || row[j] >= in.cache_rows) fail("rows must lie within " + cache + got(row[j], i));
    }
  }
}

}  // namespace athanor
