// copy_rows, fill_rows and add_rows over whole tensors and ranges of columns.
#include <algorithm>
#include <new>

#include "core/rows.h"
#include "cuda/check/elementwise_cases.h"

namespace athanor {
namespace {

constexpr float untouched = -77;

// A matrix on the device, seen through a range of its columns.
template <class T>
struct Matrix {
  DeviceArray<T> array;
  View view;

  Matrix(const std::vector<float>& values, int64_t rows, int64_t width, int64_t stride, int64_t first)
      : array(values) {
    // Not destroyed: a storage gives its memory back to a queue's allocator, and this memory has none.
    const auto drop = [](Storage* s) { ::operator delete(s); };
    view.storage = StorageRef(new Storage(Device::cpu(), values.size() * sizeof(T), nullptr), drop);
    view.storage->data = array.data();
    view.dtype = std::is_same_v<T, bf16> ? DType::bf16 : std::is_same_v<T, float> ? DType::f32 : DType::u8;
    view.shape = Shape{rows, width};
    view.row_stride = stride;
    view.offset = first;
  }
};

struct Place {
  int64_t rows, width, stride, first;
  size_t count() const { return static_cast<size_t>(rows * std::max(stride, width) + first + 8); }
  size_t at(int64_t row, int64_t column) const { return static_cast<size_t>(first + row * stride + column); }
};

// Whole rows, ranges on aligned and odd addresses, narrow and long rows, one row.
const std::vector<Place> places{{0, 5, 5, 0},       {5, 0, 3, 0},       {1, 1, 1, 0},      {3, 8, 8, 0},
                                {3, 8, 16, 8},      {7, 5, 5, 0},       {7, 5, 9, 1},      {300, 1, 2, 1},
                                {65, 16, 24, 3},    {1, 999, 999, 0},   {1, 999, 7, 2},    {5, 260, 264, 4},
                                {3, 1030, 1040, 8}, {600, 100, 100, 0}, {600, 100, 104, 0}};

// The element types that add_rows takes for y, a and b.
template <class Y, class A, class B>
void check_add(KernelCheck& check, const Place& p, int64_t b_shift = 0) {
  const std::vector<float> a = check.random.floats(p.count());
  const std::vector<float> b = check.random.floats(p.count() + static_cast<size_t>(b_shift));
  Matrix<A> first(a, p.rows, p.width, p.stride, p.first);
  Matrix<B> second(b, p.rows, p.width, p.stride, p.first + b_shift);
  Matrix<Y> y(std::vector<float>(p.count(), untouched), p.rows, p.width, p.stride, p.first);
  add_rows(check.cuda, y.view, first.view, second.view);
  const std::vector<float> left = rounded_to<A>(a), right = rounded_to<B>(b);
  std::vector<float> wanted(p.count(), rounded_to<Y>({untouched})[0]);
  for (int64_t row = 0; row < p.rows; row++) {
    for (int64_t column = 0; column < p.width; column++) {
      const size_t i = p.at(row, column);
      wanted[i] = rounded_to<Y>({left[i] + right[i + static_cast<size_t>(b_shift)]})[0];
    }
  }
  check.same("sum", y.array.floats(), wanted);
}

template <class T>
void check_copy(KernelCheck& check, const Place& from, const Place& to) {
  const std::vector<float> x = rounded_to<T>(check.random.floats(from.count(), 0, 200));
  Matrix<T> source(x, from.rows, from.width, from.stride, from.first);
  Matrix<T> target(std::vector<float>(to.count(), 99), to.rows, to.width, to.stride, to.first);
  copy_rows(check.cuda, target.view, source.view);
  std::vector<float> wanted(to.count(), 99);
  for (int64_t row = 0; row < to.rows; row++) {
    for (int64_t column = 0; column < to.width; column++)
      wanted[to.at(row, column)] = x[from.at(row, column)];
  }
  check.same("copy", target.array.floats(), wanted);
}

KERNEL_CHECK(rows, "copy") {
  for (const Place& from : places) {
    Place to = from;
    check_copy<float>(check, from, to);
    check_copy<bf16>(check, from, to);
    check_copy<uint8_t>(check, from, to);
    to.stride = to.width + 3;
    to.first = 1;
    check_copy<float>(check, from, to);
    check_copy<bf16>(check, from, to);
    check_copy<uint8_t>(check, from, to);
  }
}

KERNEL_CHECK(rows, "fill") {
  for (const Place& p : places) {
    for_float_types([&](auto zero) {
      using T = decltype(zero);
      Matrix<T> y(std::vector<float>(p.count(), untouched), p.rows, p.width, p.stride, p.first);
      fill_rows(check.cuda, y.view, 1.001f);
      std::vector<float> wanted(p.count(), untouched);
      for (int64_t row = 0; row < p.rows; row++) {
        for (int64_t column = 0; column < p.width; column++) wanted[p.at(row, column)] = 1.001f;
      }
      check.same("fill", y.array.floats(), rounded_to<T>(wanted));
    });
  }
}

KERNEL_CHECK(rows, "sums of every mixture of types") {
  for (const Place& p : places) {
    check_add<float, float, float>(check, p);
    check_add<float, float, bf16>(check, p);
    check_add<float, bf16, float>(check, p);
    check_add<float, bf16, bf16>(check, p);
    check_add<bf16, float, float>(check, p);
    check_add<bf16, float, bf16>(check, p);
    check_add<bf16, bf16, float>(check, p);
    check_add<bf16, bf16, bf16>(check, p);
    check_add<float, float, float>(check, p, 1);
    check_add<bf16, bf16, bf16>(check, p, 3);
  }
}

KERNEL_CHECK(rows, "sum in place") {
  const Place p{65, 12, 20, 4};
  const std::vector<float> a = check.random.floats(p.count()), b = check.random.floats(p.count());
  Matrix<float> y(a, p.rows, p.width, p.stride, p.first);
  Matrix<bf16> more(b, p.rows, p.width, p.stride, p.first);
  add_rows(check.cuda, y.view, y.view, more.view);
  std::vector<float> wanted = a, added = rounded_to<bf16>(b);
  for (int64_t row = 0; row < p.rows; row++) {
    for (int64_t column = 0; column < p.width; column++)
      wanted[p.at(row, column)] += added[p.at(row, column)];
  }
  check.same("sum", y.array.floats(), wanted);
}

KERNEL_CHECK(rows, "sum of integers is refused") {
  const Place p{2, 3, 3, 0};
  Matrix<uint8_t> y(std::vector<float>(p.count(), 1), p.rows, p.width, p.stride, p.first);
  check.fails("no code for u8", [&] { add_rows(check.cuda, y.view, y.view, y.view); });
  check.fails("no code for u8", [&] { fill_rows(check.cuda, y.view, 0); });
}

}  // namespace
}  // namespace athanor
