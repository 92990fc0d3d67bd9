// copy_blocks and transpose against the CPU, in every size of element, on odd addresses too.
#include "cuda/check/elementwise_cases.h"
#include "ops/rearrange/rearrange.h"

namespace athanor {
namespace {

using Byte = uint8_t;

std::vector<Byte> bytes(KernelCheck& check, size_t n) {
  std::vector<Byte> values(n);
  for (Byte& value : values) value = static_cast<Byte>(check.random.bits());
  return values;
}

struct Blocks {
  int64_t blocks, bytes, to_stride, from_stride;
};

void check_copy(KernelCheck& check, const Blocks& b, size_t to_offset, size_t from_offset, bool zeros) {
  const size_t to_bytes = static_cast<size_t>(b.blocks * b.to_stride);
  const std::vector<Byte> from = bytes(check, static_cast<size_t>(b.blocks * b.from_stride));
  std::vector<Byte> wanted = bytes(check, to_bytes);
  DeviceArray<Byte> device_from(from.size(), from_offset), to(to_bytes, to_offset);
  device_from.upload(from);
  to.upload(wanted);
  CopyBlocks a{reinterpret_cast<char*>(to.data()),
               b.to_stride,
               reinterpret_cast<char*>(device_from.data()),
               b.from_stride,
               b.blocks,
               b.bytes};
  if (zeros) a.from = nullptr;
  copy_blocks(check.cuda, a);
  a.to = reinterpret_cast<char*>(wanted.data());
  if (!zeros) a.from = reinterpret_cast<const char*>(from.data());
  copy_blocks(Cpu{}, a);
  check.same("copy", to.download(), wanted);
}

KERNEL_CHECK(rearrange, "copy_blocks") {
  for (const Blocks& b : std::vector<Blocks>{{0, 4, 4, 4},
                                             {3, 0, 4, 4},
                                             {1, 1, 1, 1},
                                             {1, 1001, 1001, 1001},
                                             {5, 16, 16, 16},
                                             {5, 16, 32, 48},
                                             {5, 20, 32, 48},
                                             {7, 12, 20, 12},
                                             {7, 6, 6, 10},
                                             {9, 33, 40, 35},
                                             {600, 8, 24, 8},
                                             {3, 5000, 5008, 6000},
                                             {1, 200003, 200003, 200003}}) {
    for (bool zeros : {false, true}) {
      check_copy(check, b, 0, 0, zeros);
      check_copy(check, b, 1, 0, zeros);
      check_copy(check, b, 0, 1, zeros);
      check_copy(check, b, 4, 8, zeros);
    }
  }
}

struct Dimensions {
  int64_t outer, first, middle, second, inner;
  int64_t apart;  // elements between rows beyond their width; matrices only
};

void check_transpose(KernelCheck& check, const Dimensions& d, int64_t size, size_t x_offset,
                     size_t y_offset) {
  const int64_t stride = d.middle * d.second * d.inner + d.apart;
  const size_t count = static_cast<size_t>(d.outer * d.first * d.middle * d.second * d.inner * size);
  const std::vector<Byte> x = bytes(check, static_cast<size_t>(d.outer * d.first * stride * size));
  std::vector<Byte> wanted(count);
  Transpose a{reinterpret_cast<const char*>(x.data()),
              reinterpret_cast<char*>(wanted.data()),
              d.outer,
              d.first,
              d.middle,
              d.second,
              d.inner,
              stride,
              size};
  transpose_forward(Cpu{}, a);
  DeviceArray<Byte> device_x(x.size(), x_offset), y(count, y_offset);
  device_x.upload(x);
  a.x = reinterpret_cast<const char*>(device_x.data());
  a.y = reinterpret_cast<char*>(y.data());
  transpose_forward(check.cuda, a);
  check.same("transpose", y.download(), wanted);
}

KERNEL_CHECK(rearrange, "transpose of elements") {
  for (const Dimensions& d : std::vector<Dimensions>{{1, 0, 1, 3, 1, 0},
                                                     {1, 1, 1, 1, 1, 0},
                                                     {1, 31, 1, 33, 1, 0},
                                                     {1, 32, 1, 32, 1, 0},
                                                     {1, 33, 1, 31, 1, 5},
                                                     {1, 70, 1, 3, 1, 1},
                                                     {1, 2, 1, 100, 1, 0},
                                                     {3, 33, 2, 40, 1, 0},
                                                     {2, 5, 7, 3, 1, 0},
                                                     {1, 200, 1, 300, 1, 0}}) {
    for (int64_t size : {1, 2, 4}) {
      check_transpose(check, d, size, 0, 0);
      check_transpose(check, d, size, static_cast<size_t>(size), static_cast<size_t>(size));
      check_transpose(check, d, size, 0, static_cast<size_t>(size));
    }
  }
}

KERNEL_CHECK(rearrange, "transpose of runs") {
  for (const Dimensions& d : std::vector<Dimensions>{{2, 3, 1, 4, 0, 0},
                                                     {1, 2, 1, 3, 2, 0},
                                                     {2, 3, 2, 4, 3, 0},
                                                     {2, 5, 1, 7, 4, 0},
                                                     {3, 4, 2, 5, 8, 0},
                                                     {1, 17, 3, 6, 16, 0},
                                                     {2, 33, 1, 12, 64, 0},
                                                     {1, 9, 1, 11, 21, 0}}) {
    for (int64_t size : {1, 2, 4}) {
      check_transpose(check, d, size, 0, 0);
      check_transpose(check, d, size, static_cast<size_t>(size), static_cast<size_t>(size));
      check_transpose(check, d, size, 0, static_cast<size_t>(size));
    }
  }
}

}  // namespace
}  // namespace athanor
