// cached_attention on CUDA against the CPU's.
#include <algorithm>

#include "cuda/check/elementwise_cases.h"
#include "ops/cached_attention/cached_attention.h"

namespace athanor {
namespace {

struct Case {
  std::vector<int32_t> lengths;
  int64_t heads, size, cache_rows;
  bool ranges = false;
  int64_t apart = 0;  // elements between rows of q, keys and values
  size_t moved = 0;   // whose address is an element further on: 1 q, 2 keys, 4 values, added up
  int64_t buckets = 0, max_distance = 0;
  bool bidirectional = false;
  bool host_lengths = false;
};

struct Places {
  std::vector<int32_t> rows, starts;
};

// Rows beyond a length are none.
Places places_of(KernelCheck& check, const Case& c, int64_t columns) {
  Places p;
  for (int32_t length : c.lengths) {
    p.starts.push_back(check.random.integer(0, static_cast<int32_t>(c.cache_rows) - length));
    for (int32_t j = 0; j < columns; j++) {
      p.rows.push_back(j < length ? check.random.integer(0, static_cast<int32_t>(c.cache_rows) - 1)
                                  : -1000000);
    }
  }
  return p;
}

template <class T>
CachedAttention<T> arguments_of(const Case& c, int64_t columns) {
  CachedAttention<T> a{};
  a.queries = static_cast<int64_t>(c.lengths.size()), a.heads = c.heads, a.head_size = c.size;
  a.cache_rows = c.cache_rows, a.columns = c.ranges ? 0 : columns;
  a.scale = 0.4f;
  a.buckets = c.buckets, a.max_distance = c.max_distance, a.bidirectional = c.bidirectional;
  a.q_stride = a.key_stride = a.value_stride = c.heads * c.size + c.apart;
  a.table_dtype = DType::f32;
  return a;
}

struct Given {  // empty: random numbers
  std::vector<float> q, keys, values;
};

template <class T>
void check_attention(KernelCheck& check, const Case& c, const Given& given = {}) {
  const int64_t stride = c.heads * c.size + c.apart;
  int64_t columns = 1;
  for (int32_t length : c.lengths) columns = std::max<int64_t>(columns, length);
  const size_t n = c.lengths.size(), cache = static_cast<size_t>(c.cache_rows * stride);
  const auto rounded = [&](const std::vector<float>& these, size_t count) {
    return rounded_to<T>(these.empty() ? check.random.normals(count) : these);
  };
  const std::vector<float> q = rounded(given.q, n * static_cast<size_t>(stride));
  const std::vector<float> keys = rounded(given.keys, cache), values = rounded(given.values, cache);
  const std::vector<float> table = check.random.normals(static_cast<size_t>(c.buckets * c.heads));
  const Places p = places_of(check, c, columns);
  std::vector<float> wanted(n * static_cast<size_t>(c.heads * c.size));
  CachedAttention<float> cpu = arguments_of<float>(c, columns);
  cpu.q = q.data(), cpu.keys = keys.data(), cpu.values = values.data();
  cpu.lengths = {c.lengths.data(), nullptr};
  if (c.ranges) cpu.starts = {p.starts.data(), nullptr};
  if (!c.ranges) cpu.rows = {p.rows.data(), nullptr};
  if (c.buckets) cpu.table = table.data();
  cpu.o = wanted.data();
  cached_attention(Cpu{}, cpu);

  DeviceArray<T> device_q(q, c.moved & 1), device_keys(keys, c.moved >> 1 & 1);
  DeviceArray<T> device_values(values, c.moved >> 2), o(wanted.size(), c.moved & 1);
  DeviceArray<float> device_table(table);
  DeviceArray<int32_t> lengths(c.lengths), rows(p.rows), starts(p.starts);
  CachedAttention<T> cuda = arguments_of<T>(c, columns);
  cuda.q = device_q.data(), cuda.keys = device_keys.data(), cuda.values = device_values.data();
  cuda.lengths = {lengths.data(), c.host_lengths ? c.lengths.data() : nullptr};
  if (c.ranges) cuda.starts = {starts.data(), nullptr};
  if (!c.ranges) cuda.rows = {rows.data(), nullptr};
  if (c.buckets) cuda.table = device_table.data();
  cuda.o = o.data();
  cached_attention(check.cuda, cuda);
  check.close("o", o.floats(), wanted, tolerance_of<T>(3e-6, 3e-6));
}

void check_both(KernelCheck& check, const Case& c) {
  for_float_types([&](auto zero) { check_attention<decltype(zero)>(check, c); });
}

KERNEL_CHECK(cached_attention, "lengths around the groups of a block") {
  for (int64_t size : {32, 64, 128}) {
    check_both(check, {{0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33}, 2, size, 40});
  }
  check_both(check, {{}, 2, 32, 4});
}

KERNEL_CHECK(cached_attention, "head sizes, strides and addresses") {
  for (int64_t size : {1, 3, 4, 7, 20, 33, 60, 65, 127}) check_both(check, {{5, 18}, 3, size, 20});
  for (int64_t size : {2, 6}) check_both(check, {{5, 18}, 2, size, 20});  // rows are aligned, heads are not
  for (int64_t size : {16, 32}) {
    check_both(check, {{5, 18}, 2, size, 20, false, 4});
    check_both(check, {{5, 18}, 2, size, 20, false, 1});
    for (size_t moved : {1, 2, 4, 7}) check_both(check, {{5, 18}, 2, size, 20, true, 0, moved});
  }
}

KERNEL_CHECK(cached_attention, "ranges of rows") {
  for (bool host : {false, true}) {
    check_both(check, {{0, 1, 12, 40}, 2, 16, 40, true, 0, 0, 0, 0, false, host});
  }
}

// The emulated GPU has few multiprocessors: one query of one head is cut into stretches from 128 keys on.
KERNEL_CHECK(cached_attention, "long pasts in stretches") {
  for (bool host : {false, true}) {
    for (bool ranges : {false, true}) {
      check_both(check, {{127}, 1, 16, 300, ranges, 0, 0, 0, 0, false, host});
      check_both(check, {{300}, 1, 16, 300, ranges, 0, 0, 0, 0, false, host});
      check_both(check, {{257, 0, 3}, 1, 20, 300, ranges, 0, 0, 0, 0, false, host});
    }
  }
}

KERNEL_CHECK(cached_attention, "relative biases") {
  check_both(check, {{1, 2, 9, 40}, 3, 8, 50, false, 0, 0, 32, 128, false});
  check_both(check, {{1, 2, 9, 40}, 3, 8, 50, true, 0, 0, 8, 20, false});
  check_both(check, {{1, 2, 9, 40}, 3, 8, 50, false, 0, 0, 32, 128, true});
  check_both(check, {{200}, 1, 8, 200, false, 0, 0, 8, 20, false});
}

// A score beyond the others in the last key, in the first, and of nothing but -inf; a NaN; 0 times infinity.
KERNEL_CHECK(cached_attention, "large scores, none that counts, NaN and infinite values") {
  const Case c{{20, 20}, 1, 4, 20, true};
  const size_t count = 20 * 4;
  for (size_t place : {size_t{0}, size_t{19}, size_t{7}}) {
    for (float big : {300.0f, -300.0f, INFINITY, -INFINITY, std::nanf("")}) {
      std::vector<float> keys = check.random.floats(count, -1, 1);
      for (size_t d = 0; d < 4; d++) keys[place * 4 + d] = big;
      check_attention<float>(check, c, {{}, keys, {}});
      std::vector<float> values = check.random.floats(count, -1, 1);
      values[place * 4 + 1] = big;
      check_attention<float>(check, c, {{}, {}, values});
    }
  }
  for (size_t numbers : {0, 1, 9}) {
    std::vector<float> keys(20, -INFINITY);
    for (size_t i = 0; i < numbers; i++) keys[19 - i] = 0.5f;
    check_attention<float>(check, {{20}, 1, 1, 20, true}, {{1.0f}, keys, {}});
  }
}

KERNEL_CHECK(cached_attention, "rows and lengths that do not fit") {
  const auto look = [&](std::vector<int32_t> lengths, std::vector<int32_t> rows,
                        std::vector<int32_t> starts) {
    DeviceArray<int32_t> device_lengths(lengths), device_rows(rows), device_starts(starts);
    CachedAttention<float> a{};
    a.queries = static_cast<int64_t>(lengths.size()), a.cache_rows = 4;
    a.columns = rows.empty() ? 0 : static_cast<int64_t>(rows.size() / lengths.size());
    a.lengths = {device_lengths.data(), nullptr};
    if (!rows.empty()) a.rows = {device_rows.data(), nullptr};
    if (!starts.empty()) a.starts = {device_starts.data(), nullptr};
    check_cached_rows(check.cuda, a);
  };
  look({2, 1}, {3, 0, 1, 9}, {});
  look({2, 1}, {}, {2, 3});
  check.fails("rows must lie within the 4 rows of keys, got 9 at query 1", [&] {
    look({2, 2}, {3, 0, 1, 9}, {});
  });
  check.fails("lengths must be at most the 2 columns of rows, got 3", [&] {
    look({3, 2}, {3, 0, 1, 9}, {});
  });
  check.fails("starts + lengths must lie within the 4 rows of keys, got 5", [&] {
    look({2, 2}, {}, {2, 3});
  });
}

}  // namespace
}  // namespace athanor
