// What happens to sums of products on their way to memory, for every GEMM kernel: a tile of sums lies in
// shared memory, or matrices of sums in global memory (split k), and is finished four columns at a time.
#pragma once

#include <cuda_runtime.h>

#include "cuda/activations.h"
#include "cuda/bf16.h"
#include "cuda/gemm.h"
#include "cuda/vector.h"

namespace athanor {

template <class Y>
struct Epilogue {
  GemmOutput<Y> out;
  int m, n;
  bool vectors;  // addresses and leading dimensions allow moving four elements at once
  // Of 8-bit integers: what rows and columns of sums are multiplied by.
  const float* row_scale = nullptr;
  const float* column_scale = nullptr;
};

template <class Y>
Epilogue<Y> make_epilogue(const GemmOutput<Y>& out, int m, int n) {
  const bool vectors = aligned_for<4>(out.y, out.ld) && out.stride % 4 == 0 && aligned_for<4>(out.bias, 0) &&
                       aligned_for<4>(out.pre_activation, out.ld) &&
                       aligned_for<4>(out.residual, out.residual == nullptr ? 0 : out.ld_residual);
  return {out, m, n, vectors};
}

// `count` of four neighbours, all of them at once where they are aligned.
template <class T>
__device__ inline void load_four(const T* from, int count, bool vector, float (&to)[4]) {
  if (vector) {
    const Vector<T, 4> four = load_vector<4>(from);
#pragma unroll
    for (int i = 0; i < 4; i++) to[i] = to_float(four[i]);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) to[i] = i < count ? to_float(from[i]) : 0.0f;
  }
}

template <class T>
__device__ inline void store_four(T* to, int count, bool vector, const float (&from)[4]) {
  if (vector) {
    Vector<T, 4> four;
#pragma unroll
    for (int i = 0; i < 4; i++) four[i] = from_float<T>(from[i]);
    store_vector(to, four);
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (i < count) to[i] = from_float<T>(from[i]);
    }
  }
}

template <class Y>
__device__ inline float scaled_sum(const Epilogue<Y>&, float sum, int, int) {
  return sum;
}
// The integer is rounded once, then scaled: the order of the CPU.
template <class Y>
__device__ inline float scaled_sum(const Epilogue<Y>& e, int32_t sum, int row, int column) {
  return column < e.n ? static_cast<float>(sum) * (e.column_scale[column] * e.row_scale[row]) : 0.0f;
}

// Four sums of (row, column...) of matrix `batch`.
template <class Y, class Sum>
__device__ inline void finish_four(const Epilogue<Y>& e, int64_t batch, int row, int column,
                                   const Sum (&sum)[4]) {
  const GemmOutput<Y>& out = e.out;
  const int left = e.n - column, count = left < 4 ? left : 4;
  const bool vector = e.vectors && count == 4;
  const size_t at = static_cast<size_t>(batch * out.stride + row * out.ld + column);
  float value[4], other[4];
#pragma unroll
  for (int i = 0; i < 4; i++) value[i] = scaled_sum(e, sum[i], row, column + i);
  if (out.accumulate) {
    load_four(out.y + at, count, vector, other);
#pragma unroll
    for (int i = 0; i < 4; i++) value[i] += other[i];
  }
  if (out.bias != nullptr) {
    load_four(out.bias + column, count, vector, other);
#pragma unroll
    for (int i = 0; i < 4; i++) value[i] += other[i];
  }
  if (out.pre_activation != nullptr) store_four(out.pre_activation + at, count, vector, value);
  if (out.activation != Function::identity) {
#pragma unroll
    for (int i = 0; i < 4; i++) value[i] = activate(out.activation, value[i]);
  }
  if (out.residual != nullptr) {
    load_four(out.residual + static_cast<size_t>(row * out.ld_residual + column), count, vector, other);
#pragma unroll
    for (int i = 0; i < 4; i++) value[i] += other[i];
  }
  store_four(out.y + at, count, vector, value);
}

// Rows of a tile in shared memory are eight sums longer than it is wide: fragments of mma are then stored,
// and rows read, without bank conflicts.
__host__ __device__ constexpr int staged_ld(int columns) {
  return columns + 8;
}

// Sums of stacked mma tiles of 16 x 8, the first at (row, column): as mma.sync leaves them in a warp, and
// wgmma in each warp of its four.
template <int columns, int m_tiles, int n_tiles, class Sum>
__device__ inline void stage_fragments(Sum* staged, int row, int column,
                                       const Sum (&value)[m_tiles][n_tiles][4]) {
  const int lane = static_cast<int>(threadIdx.x) & 31;
#pragma unroll
  for (int i = 0; i < m_tiles; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int line = row + 16 * i + 8 * half + (lane >> 2);
      Sum* to = staged + line * staged_ld(columns) + column + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < n_tiles; j++) {
        store_vector(to + 8 * j, Vector<Sum, 2>{{value[i][j][2 * half], value[i][j][2 * half + 1]}});
      }
    }
  }
}

// The part of one block: `rows` x `columns` sums at (row, column) of matrix `batch` of the product, or of
// `partial` (batch already counted in), which has n columns.
template <int rows, int columns, int threads, class Y, class Sum>
__device__ inline void finish_tile(const Sum* staged, const Epilogue<Y>& e, Sum* partial, int64_t batch,
                                   int row, int column) {
  constexpr int fours = columns / 4;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < rows * fours; i += threads) {
    const int r = row + i / fours, c = column + i % fours * 4;
    if (r >= e.m || c >= e.n) continue;
    const Vector<Sum, 4> four = load_vector<4>(staged + i / fours * staged_ld(columns) + i % fours * 4);
    if (partial == nullptr) {
      finish_four(e, batch, r, c, four.value);
      continue;
    }
    Sum* to = partial + (static_cast<size_t>(r) * e.n + c);
    if (e.n % 4 == 0) {
      store_vector(to, four);
    } else {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (c + j < e.n) to[j] = four[j];
      }
    }
  }
}

}  // namespace athanor
