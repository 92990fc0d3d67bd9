// The CPU side of rearrange.h: block copies, and transposition in tiles that fit the first-level cache.
#include <algorithm>
#include <cstring>

#include "cpu/pool.h"
#include "ops/rearrange/rearrange.h"

namespace athanor {

namespace {

constexpr size_t grain = 65536;  // bytes: below this a wake-up costs more than the copy
constexpr int64_t tile = 32;     // 32 x 32 fp32 elements: 4 KB read, 4 KB written

void move_bytes(char* to, const char* from, size_t bytes) {
  if (from) {
    std::memcpy(to, from, bytes);
  } else {
    std::memset(to, 0, bytes);
  }
}

// y (columns, rows) from x (rows, columns); both may have longer rows.
template <class T>
void transpose_tile(const T* x, int64_t x_stride, T* y, int64_t y_stride, int64_t rows, int64_t columns) {
  for (int64_t column = 0; column < columns; column++) {
    for (int64_t row = 0; row < rows; row++) y[column * y_stride + row] = x[row * x_stride + column];
  }
}

// Single elements move: for each (outer, middle) a matrix (first, second) turns into (second, first).
template <class T>
void transpose_elements(const Transpose& a) {
  const int64_t strips = (a.first + tile - 1) / tile;
  const size_t grain_strips = grain / sizeof(T) / static_cast<size_t>(tile * (a.second + 1)) + 1;
  parallel_ranges(
      static_cast<size_t>(a.outer * a.middle * strips), grain_strips, [&](size_t begin, size_t end, Worker&) {
        for (int64_t job = static_cast<int64_t>(begin); job < static_cast<int64_t>(end); job++) {
          const int64_t row = job % strips * tile, matrix = job / strips;
          const int64_t outer = matrix / a.middle, middle = matrix % a.middle;
          const int64_t y_stride = a.middle * a.first;
          const T* x = reinterpret_cast<const T*>(a.x) + outer * a.first * a.first_stride + middle * a.second;
          T* y = reinterpret_cast<T*>(a.y) + outer * a.second * y_stride + middle * a.first;
          const int64_t rows = std::min(tile, a.first - row);
          for (int64_t column = 0; column < a.second; column += tile) {
            transpose_tile(x + row * a.first_stride + column, a.first_stride, y + column * y_stride + row,
                           y_stride, rows, std::min(tile, a.second - column));
          }
        }
      });
}

// Runs of `inner` elements move whole.
void transpose_runs(const Transpose& a) {
  const int64_t bytes = a.inner * a.size;
  const int64_t jobs = a.outer * a.second * a.middle;  // rows of y: (first, inner)
  const size_t each = static_cast<size_t>(a.first * bytes);
  parallel_ranges(static_cast<size_t>(jobs), grain / each + 1, [&](size_t begin, size_t end, Worker&) {
    for (int64_t job = static_cast<int64_t>(begin); job < static_cast<int64_t>(end); job++) {
      const int64_t middle = job % a.middle, second = job / a.middle % a.second,
                    outer = job / a.middle / a.second;
      const char* x = a.x + ((outer * a.first * a.middle + middle) * a.second + second) * bytes;
      char* y = a.y + job * a.first * bytes;
      for (int64_t first = 0; first < a.first; first++) {
        std::memcpy(y + first * bytes, x + first * a.middle * a.second * bytes, static_cast<size_t>(bytes));
      }
    }
  });
}

}  // namespace

void copy_blocks(Cpu, const CopyBlocks& a) {
  if (a.blocks == 0 || a.block_bytes == 0) return;
  const size_t bytes = static_cast<size_t>(a.block_bytes);
  if (a.blocks == 1) {
    parallel_ranges(bytes, grain, [&](size_t begin, size_t end, Worker&) {
      move_bytes(a.to + begin, a.from ? a.from + begin : nullptr, end - begin);
    });
    return;
  }
  parallel_ranges(static_cast<size_t>(a.blocks), grain / bytes + 1, [&](size_t begin, size_t end, Worker&) {
    for (int64_t i = static_cast<int64_t>(begin); i < static_cast<int64_t>(end); i++) {
      move_bytes(a.to + i * a.to_stride, a.from ? a.from + i * a.from_stride : nullptr, bytes);
    }
  });
}

void transpose_forward(Cpu, const Transpose& a) {
  if (a.outer * a.first * a.middle * a.second * a.inner == 0) return;
  if (a.inner > 1) return transpose_runs(a);
  switch (a.size) {
    case 1: return transpose_elements<uint8_t>(a);
    case 2: return transpose_elements<uint16_t>(a);
    default: return transpose_elements<uint32_t>(a);
  }
}

}  // namespace athanor
