// gather_rows and its gradient on CUDA. Sums face the CPU's, to the bit in fp32.
#include <algorithm>

#include "cuda/check/kernel_check.h"
#include "cuda/sort_positions.h"
#include "ops/gather_rows/gather_rows.h"
#include "ops/host_indices.h"
#include "ops/offsets.h"

namespace athanor {
namespace {

const IndexCheck index_check{"gather_rows", "index", ""};

Indices on_device(const DeviceArray<int32_t>& index) {
  return {index.data(), nullptr};
}

// ---- checks of indices and offsets ----

KERNEL_CHECK(gather_rows, "a bad index is found, the first of several, wherever it is") {
  for (int64_t count : {1, 255, 256, 257, 3000}) {
    for (int64_t first : {int64_t{0}, count / 2, count - 1}) {
      for (int32_t bad : {-1, 10, 2000000000, -2000000000}) {
        std::vector<int32_t> index = check.random.integers(static_cast<size_t>(count), 0, 9);
        index[static_cast<size_t>(count - 1)] = 77;
        index[static_cast<size_t>(first)] = bad;
        DeviceArray<int32_t> device(index);
        const std::string message = "gather_rows: index " + std::to_string(bad) + " outside 0..9";
        check.fails(message, [&] { check_indices(check.cuda, index_check, on_device(device), count, 10); });
        check.fails(message, [&] {
          check_indices(check.cuda, index_check, {nullptr, index.data()}, count, 10);
        });
      }
    }
  }
}

// More than all threads of a launch take at once (1,024 blocks of 256): the first of two that one thread
// meets.
KERNEL_CHECK(gather_rows, "a bad index is found, the first of a thread's") {
  constexpr size_t at_once = 1024 * 256;
  std::vector<int32_t> index(at_once + 300, 3);
  index[7] = 20, index[at_once + 7] = 21;
  check.fails("gather_rows: index 20 outside 0..9", [&] {
    DeviceArray<int32_t> device(index);
    check_indices(check.cuda, index_check, on_device(device), static_cast<int64_t>(index.size()), 10);
  });
  index[7] = 3;
  check.fails("gather_rows: index 21 outside 0..9", [&] {
    DeviceArray<int32_t> device(index);
    check_indices(check.cuda, index_check, on_device(device), static_cast<int64_t>(index.size()), 10);
  });
}

KERNEL_CHECK(gather_rows, "good indices pass, also none of no rows") {
  std::vector<int32_t> index = check.random.integers(5000, 0, 9);
  index[0] = 0, index[4999] = 9;
  DeviceArray<int32_t> device(index), empty(0);
  check_indices(check.cuda, index_check, on_device(device), 5000, 10);
  check_indices(check.cuda, index_check, on_device(empty), 0, 0);
  check.fails("outside every range: there are 0 rows",
              [&] { check_indices(check.cuda, index_check, on_device(device), 1, 0); });
}

KERNEL_CHECK(gather_rows, "offsets are checked with and without a host copy") {
  const std::vector<int32_t> good{0, 3, 3, 7}, late{1, 3, 3, 7}, falling{0, 3, 2, 7};
  const auto run = [&](const std::vector<int32_t>& offsets, bool host, int64_t rows) {
    DeviceArray<int32_t> device(offsets);
    check_offsets(check.cuda, {device.data(), host ? offsets.data() : nullptr}, 3, rows, "softmax",
                  "offsets");
  };
  for (bool host : {false, true}) {
    run(good, host, 7);
    check.fails("softmax: offsets must end at the number of rows 8, got 7", [&] { run(good, host, 8); });
    check.fails("softmax: offsets must start at 0, got 1", [&] { run(late, host, 7); });
    check.fails("softmax: offsets must never decrease, got 3 then 2 at sequence 1",
                [&] { run(falling, host, 7); });
  }
}

// The grid has 262,144 threads.
KERNEL_CHECK(gather_rows, "a bad index among more than there are threads") {
  std::vector<int32_t> index(300000, 3);
  index[290000] = index[299999] = -5, index[270000] = 11;
  DeviceArray<int32_t> device(index);
  check.fails("gather_rows: index 11 outside 0..9",
              [&] { check_indices(check.cuda, index_check, on_device(device), 300000, 10); });
}

// ---- forward ----

void check_gather(KernelCheck& check, int64_t rows, int64_t row_bytes, int64_t stride, int64_t count,
                  size_t shift_x = 0, size_t shift_y = 0) {
  std::vector<int32_t> index;
  if (count > 0) index = check.random.integers(static_cast<size_t>(count), 0, static_cast<int32_t>(rows) - 1);
  std::vector<uint8_t> x(static_cast<size_t>((rows - 1) * stride + row_bytes));
  for (uint8_t& byte : x) byte = static_cast<uint8_t>(check.random.bits());
  std::vector<uint8_t> wanted;
  for (int32_t row : index) {
    wanted.insert(wanted.end(), x.begin() + row * stride, x.begin() + row * stride + row_bytes);
  }
  DeviceArray<uint8_t> device_x(x, shift_x), y(wanted.size(), shift_y);
  DeviceArray<int32_t> device_index(index);
  GatherRows a{reinterpret_cast<const char*>(device_x.data()),
               stride,
               on_device(device_index),
               reinterpret_cast<char*>(y.data()),
               count,
               rows,
               row_bytes,
               index_check};
  gather_rows_forward(check.cuda, a);
  check.same("y", y.download(), wanted);
}

KERNEL_CHECK(gather_rows, "rows of every length, unit and stride") {
  for (int64_t bytes : {1, 2, 3, 4, 6, 8, 12, 15, 16, 17, 32, 4080, 4096, 4112}) {
    check_gather(check, 5, bytes, bytes, 9);
    check_gather(check, 5, bytes, bytes + 16, 9);
    check_gather(check, 5, bytes, (bytes + 31) / 16 * 16, 9);  // the row length alone limits the unit
  }
  for (size_t shift : {1, 2, 4, 8}) {
    check_gather(check, 5, 64, 64, 9, shift, 0);
    check_gather(check, 5, 64, 64, 9, 0, shift);
  }
  check_gather(check, 5, 64, 65, 9);
}

KERNEL_CHECK(gather_rows, "numbers of rows") {
  for (int64_t count : {0, 1, 15, 16, 17, 1000}) check_gather(check, 7, 256, 256, count);
  check_gather(check, 1, 16, 16, 3);
  check_gather(check, 3, 0, 0, 3);
}

// ---- sorting ----

void check_sort(KernelCheck& check, const std::vector<int32_t>& keys, int32_t bound) {
  std::vector<int32_t> wanted(keys.size()), starts;
  for (size_t i = 0; i < keys.size(); i++) wanted[i] = static_cast<int32_t>(i);
  std::stable_sort(wanted.begin(), wanted.end(), [&](int32_t a, int32_t b) { return keys[a] < keys[b]; });
  std::vector<int32_t> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  for (int32_t key = 0; key <= bound; key++) {
    starts.push_back(
        static_cast<int32_t>(std::lower_bound(sorted.begin(), sorted.end(), key) - sorted.begin()));
  }
  DeviceArray<int32_t> device_keys(keys), order(keys.size()), device_starts(starts.size());
  sort_positions(check.cuda, device_keys.data(), static_cast<int64_t>(keys.size()), bound, order.data(),
                 device_starts.data());
  const std::string what = std::to_string(keys.size()) + " keys below " + std::to_string(bound);
  check.same("order of " + what, order.download(), wanted);
  check.same("starts of " + what, device_starts.download(), starts);
}

KERNEL_CHECK(gather_rows, "positions in the order of their keys, one to three passes") {
  for (size_t count : {0, 1, 31, 32, 33, 2047, 2048, 2049, 6000}) {
    for (int32_t bound : {1, 2, 256, 257, 30522}) {
      check_sort(check, check.random.integers(count, 0, bound - 1), bound);
    }
  }
  check_sort(check, check.random.integers(3000, 0, 70000), 70001);
  check_sort(check, {65536, 65535, 65536, 0}, 65537);
}

// Sixteen tiles fill one round of the scan.
KERNEL_CHECK(gather_rows, "more tiles than a round of the scan") {
  check_sort(check, check.random.integers(17 * 2048 + 5, 0, 299), 300);
}

KERNEL_CHECK(gather_rows, "equal keys keep their order") {
  check_sort(check, std::vector<int32_t>(5000, 3), 5);
  std::vector<int32_t> keys(5000);
  for (size_t i = 0; i < keys.size(); i++) keys[i] = static_cast<int32_t>(i % 7 * 300);
  check_sort(check, keys, 1801);
}

// ---- gradient ----

struct ScatterCase {
  int64_t rows, width, ld_dy, zero_row;
  bool accumulate;
  size_t shift_dy = 0, shift_dx = 0;  // elements
};

template <class T, class G>
void check_scatter(KernelCheck& check, const std::vector<int32_t>& index, const ScatterCase& c) {
  const int64_t count = static_cast<int64_t>(index.size());
  const size_t dx_size = static_cast<size_t>(c.rows * c.width);
  const size_t dy_size = count == 0 ? 0 : static_cast<size_t>((count - 1) * c.ld_dy + c.width);
  const std::vector<float> dy = rounded_to<T>(check.random.normals(dy_size));
  const std::vector<float> before = rounded_to<G>(check.random.normals(dx_size));
  std::vector<float> wanted = before;
  std::vector<int32_t> starts(static_cast<size_t>(c.rows) + 1), order(index.size());
  const auto fill = [&](auto a) {
    a.accumulate = c.accumulate;
    a.count = count, a.rows = c.rows, a.width = c.width, a.ld_dy = c.ld_dy;
    a.zero_row = c.zero_row, a.check = index_check;
    return a;
  };
  auto cpu = fill(ScatterRows<float, float>{});
  cpu.index = {index.data(), nullptr}, cpu.dy = dy.data(), cpu.dx = wanted.data();
  cpu.starts = starts.data(), cpu.order = order.data();
  scatter_rows(Cpu{}, cpu);

  DeviceArray<T> device_dy(dy, c.shift_dy);
  DeviceArray<G> dx(before, c.shift_dx);
  DeviceArray<int32_t> device_index(index), device_starts(starts.size()), device_order(order.size());
  auto cuda = fill(ScatterRows<T, G>{});
  cuda.index = on_device(device_index), cuda.dy = device_dy.data(), cuda.dx = dx.data();
  cuda.starts = device_starts.data(), cuda.order = device_order.data();
  scatter_rows(check.cuda, cuda);
  check.same("dx of " + std::to_string(c.rows) + " rows, width " + std::to_string(c.width), dx.floats(),
             rounded_to<G>(wanted));
}

void check_scatter_types(KernelCheck& check, const std::vector<int32_t>& index, const ScatterCase& c) {
  check_scatter<float, float>(check, index, c);
  check_scatter<bf16, float>(check, index, c);
  check_scatter<bf16, bf16>(check, index, c);
}

KERNEL_CHECK(gather_rows, "gradient: widths, strides and addresses") {
  const std::vector<int32_t> index = check.random.integers(40, 0, 8);
  for (int64_t width : {0, 1, 3, 4, 7, 8, 9, 12, 64}) {
    check_scatter_types(check, index, {9, width, width, -1, false});
    check_scatter_types(check, index, {9, width, width + 8, -1, true});
  }
  check_scatter_types(check, index, {9, 8, 11, -1, false});
  check_scatter_types(check, index, {9, 8, 8, -1, true, 1, 0});
  check_scatter_types(check, index, {9, 8, 8, -1, true, 0, 1});
  for (int64_t width : {1023, 1024, 1025, 2100}) {
    check_scatter_types(check, {1, 0, 1}, {3, width, width, -1, false});
  }
}

KERNEL_CHECK(gather_rows, "gradient: rows of one position less than a group, a group, one more, several") {
  for (size_t of_one : {63, 64, 65, 127, 128, 129, 700}) {
    std::vector<int32_t> index(of_one, 2);
    for (int i = 0; i < 90; i++) {
      const size_t at = static_cast<size_t>(check.random.integer(0, static_cast<int32_t>(index.size())));
      const int32_t other = check.random.integer(0, 3);
      index.insert(index.begin() + static_cast<int64_t>(at), other < 2 ? other : other + 1);
    }
    for (bool accumulate : {false, true}) check_scatter_types(check, index, {6, 8, 8, -1, accumulate});
    check_scatter_types(check, index, {6, 5, 5, -1, true});
  }
}

// Last groups and first groups of long rows meet in every alignment to 64.
KERNEL_CHECK(gather_rows, "gradient: neighbouring long rows") {
  for (int more : {1, 5, 40, 63}) {
    std::vector<int32_t> index;
    for (int32_t row = 0; row < 5; row++) index.insert(index.end(), static_cast<size_t>(64 + more), row);
    for (size_t i = index.size(); i > 1; i--) {
      std::swap(index[i - 1],
                index[static_cast<size_t>(check.random.integer(0, static_cast<int32_t>(i) - 1))]);
    }
    check_scatter_types(check, index, {5, 4, 4, -1, false});
  }
}

KERNEL_CHECK(gather_rows, "gradient: the padding row stays zero, or as it was") {
  for (size_t count : {30, 300}) {  // of rows with a group and with more
    const std::vector<int32_t> index = check.random.integers(count, 0, 2);
    for (bool accumulate : {false, true}) {
      for (int64_t zero_row : {0, 2}) check_scatter_types(check, index, {4, 8, 8, zero_row, accumulate});
    }
  }
}

KERNEL_CHECK(gather_rows, "gradient: no positions, no rows, many rows") {
  for (bool accumulate : {false, true}) check_scatter_types(check, {}, {3, 8, 8, -1, accumulate});
  check_scatter_types(check, {}, {0, 8, 8, -1, false});
  check_scatter_types(check, check.random.integers(20, 0, 4999), {5000, 4, 4, -1, false});
}

KERNEL_CHECK(gather_rows, "gradient: a bad index is an error") {
  DeviceArray<int32_t> index(std::vector<int32_t>{0, 5, 3}), starts(4), order(3);
  DeviceArray<float> dy(3), dx(3);
  ScatterRows<float, float> a{
      on_device(index), dy.data(), dx.data(), false, starts.data(), order.data(), 3, 3, 1, 1, -1,
      index_check};
  check.fails("gather_rows: index 5 outside 0..2", [&] { scatter_rows(check.cuda, a); });
}

}  // namespace
}  // namespace athanor
