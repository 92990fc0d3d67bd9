// The CPU side of cast: pieces of 512 elements are read as fp32 and written from fp32, so that n types need
// 2n loops and not n^2.
#include <algorithm>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/cast/cast.h"

namespace athanor {

namespace {

constexpr size_t grain = 16384;  // elements
constexpr size_t piece = 512;    // 2 KB of fp32 on the stack

template <class T>
void widen(float* y, const void* x, size_t first, size_t n) {
  const T* from = static_cast<const T*>(x) + first;
  for (size_t i = 0; i < n; i++) y[i] = static_cast<float>(from[i]);
}

template <class T>
void narrow(void* y, size_t first, const float* x, size_t n) {
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  T* to = static_cast<T*>(y) + first;
  for (size_t i = 0; i < n; i++) {
    const float v = x[i];
    if (!(v == v)) {
      to[i] = 0;
    } else if (v >= static_cast<float>(most)) {  // for i32 this is 2^31, the first value beyond
      to[i] = most;
    } else {
      to[i] = v <= static_cast<float>(least) ? least : static_cast<T>(v);
    }
  }
}

void read(DType dtype, float* y, const void* x, size_t first, size_t n) {
  switch (dtype) {
    case DType::f32: return widen<float>(y, x, first, n);
    case DType::bf16: return kernels().from_bf16(y, static_cast<const uint16_t*>(x) + first, n);
    case DType::i32: return widen<int32_t>(y, x, first, n);
    case DType::i8: return widen<int8_t>(y, x, first, n);
    case DType::u8: return widen<uint8_t>(y, x, first, n);
  }
}

void write(DType dtype, void* y, size_t first, const float* x, size_t n) {
  switch (dtype) {
    case DType::f32: std::copy(x, x + n, static_cast<float*>(y) + first); return;
    case DType::bf16: return kernels().to_bf16(static_cast<uint16_t*>(y) + first, x, n);
    case DType::i32: return narrow<int32_t>(y, first, x, n);
    case DType::i8: return narrow<int8_t>(y, first, x, n);
    case DType::u8: return narrow<uint8_t>(y, first, x, n);
  }
}

}  // namespace

void cast_forward(Cpu, const Cast& a) {
  parallel_ranges(static_cast<size_t>(a.n), grain, [&](size_t begin, size_t end, Worker&) {
    float values[piece];
    for (size_t first = begin; first < end; first += piece) {
      const size_t n = std::min(piece, end - first);
      if (a.from == DType::f32) {
        write(a.to, a.y, first, static_cast<const float*>(a.x) + first, n);
      } else if (a.to == DType::f32) {
        read(a.from, static_cast<float*>(a.y) + first, a.x, first, n);
      } else {
        read(a.from, values, a.x, first, n);
        write(a.to, a.y, first, values, n);
      }
    }
  });
}

}  // namespace athanor
