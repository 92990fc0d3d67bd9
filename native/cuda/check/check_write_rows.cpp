// write_rows on CUDA against a copy row by row.
#include "cuda/check/kernel_check.h"
#include "ops/write_rows/write_rows.h"

namespace athanor {
namespace {

struct Case {
  int64_t count, limit, row_bytes;
  int64_t target_apart, x_apart;   // bytes between rows
  size_t target_offset, x_offset;  // of the addresses
};

// The first `count` numbers of a shuffle of 0 to limit - 1.
std::vector<int32_t> distinct_rows(KernelCheck& check, int64_t count, int64_t limit) {
  std::vector<int32_t> rows;
  for (int32_t i = 0; i < limit; i++) rows.push_back(i);
  for (int32_t i = static_cast<int32_t>(limit) - 1; i > 0; i--) {
    std::swap(rows[static_cast<size_t>(i)], rows[static_cast<size_t>(check.random.integer(0, i))]);
  }
  rows.resize(static_cast<size_t>(count));
  return rows;
}

void check_write(KernelCheck& check, const Case& c) {
  const int64_t target_stride = c.row_bytes + c.target_apart, x_stride = c.row_bytes + c.x_apart;
  const auto bytes = [&](int64_t n) {
    std::vector<uint8_t> values;
    for (int32_t v : check.random.integers(static_cast<size_t>(n), 0, 255))
      values.push_back(static_cast<uint8_t>(v));
    return values;
  };
  std::vector<uint8_t> target = bytes(c.limit * target_stride), x = bytes(c.count * x_stride);
  const std::vector<int32_t> rows = distinct_rows(check, c.count, c.limit);
  DeviceArray<uint8_t> device_target(target, c.target_offset), device_x(x, c.x_offset);
  DeviceArray<int32_t> device_rows(rows);
  WriteRows a{};
  a.target = reinterpret_cast<char*>(device_target.data()), a.target_stride = target_stride;
  a.rows = {device_rows.data(), nullptr};
  a.x = reinterpret_cast<const char*>(device_x.data()), a.x_stride = x_stride;
  a.count = c.count, a.limit = c.limit, a.row_bytes = c.row_bytes;
  write_rows(check.cuda, a);
  for (size_t i = 0; i < rows.size(); i++) {
    for (int64_t b = 0; b < c.row_bytes; b++) {
      target[static_cast<size_t>(rows[i] * target_stride + b)] =
          x[static_cast<size_t>(static_cast<int64_t>(i) * x_stride + b)];
    }
  }
  check.same("target", device_target.download(), target);
}

KERNEL_CHECK(write_rows, "rows of every unit, apart and side by side") {
  for (int64_t row_bytes : {0, 1, 2, 4, 8, 12, 16, 48, 100, 4096, 4112}) {
    for (size_t target : {0, 1, 4}) {
      for (size_t x : {0, 1, 4}) check_write(check, {5, 9, row_bytes, 0, 0, target, x});
    }
    check_write(check, {5, 9, row_bytes, 16, 32, 0, 0});
    check_write(check, {5, 9, row_bytes, 4, 16, 0, 0});
    check_write(check, {5, 9, row_bytes, 16, 2, 0, 0});
  }
}

KERNEL_CHECK(write_rows, "numbers of rows") {
  for (int64_t count : {0, 1, 255, 256, 257}) check_write(check, {count, 300, 16, 0, 0, 0, 0});
  check_write(check, {9000, 9001, 4, 0, 0, 0, 0});
}

KERNEL_CHECK(write_rows, "rows that are none, or named twice") {
  const auto look = [&](const std::vector<int32_t>& rows) {
    DeviceArray<int32_t> device(rows);
    const int64_t count = static_cast<int64_t>(rows.size());
    check_distinct_rows(check.cuda, "write_rows", "rows", Indices{device.data(), nullptr}, count, 5);
  };
  look({4, 0, 2});
  look({});
  check.fails("write_rows: rows must lie within the 5 rows of the target, got 5", [&] { look({0, 5}); });
  check.fails("rows must lie within the 5 rows of the target, got -1", [&] { look({-1}); });
  check.fails("rows must be distinct, got 2 twice", [&] { look({2, 3, 2}); });
}

}  // namespace
}  // namespace athanor
