// How kernels that work on rows read and write them: in pieces of 16 bytes where every address allows it,
// else element by element. Values are fp32 in registers, whatever the row is made of.
#pragma once

#include <type_traits>

#include "cuda/bf16.h"
#include "cuda/vector.h"

namespace athanor {

// Elements of T in 16 bytes.
template <class T>
constexpr int piece = 16 / static_cast<int>(sizeof(T));

template <class T, int n>
__device__ void to_floats(float (&v)[n], const Vector<T, n>& from) {
#pragma unroll
  for (int i = 0; i < n; i++) v[i] = to_float(from[i]);
}

// n neighbouring elements at an address that is a multiple of their size.
template <class T, int n>
__device__ void load(float (&v)[n], const T* from) {
  to_floats(v, load_vector<n>(from));
}
template <class T, int n>
__device__ void store(T* to, const float (&v)[n]) {
  Vector<T, n> all;
#pragma unroll
  for (int i = 0; i < n; i++) all[i] = from_float<T>(v[i]);
  store_vector<n>(to, all);
}

// ---- rows held in registers: every thread has pieces at fixed columns ----

// Whether rows `stride` elements apart consist of aligned pieces. Null is no obstacle.
template <class T>
bool rows_in_pieces(const T* first, int64_t stride, int64_t width) {
  return first == nullptr || (aligned_for<piece<T>>(first, stride) && width % piece<T> == 0);
}

// The piece at `column`; what lies beyond the row is 0. `pieces` is what rows_in_pieces said of all rows
// concerned.
template <class T>
__device__ Vector<T, piece<T>> read_piece(const T* row, int column, int width, bool pieces) {
  if (pieces && column < width) return load_vector<piece<T>>(row + column);
  Vector<T, piece<T>> all;
#pragma unroll
  for (int i = 0; i < piece<T>; i++) all[i] = column + i < width ? row[column + i] : T{};
  return all;
}
template <class T>
__device__ void load_piece(float (&v)[piece<T>], const T* row, int column, int width, bool pieces) {
  to_floats(v, read_piece(row, column, width, pieces));
}

template <class T>
__device__ void store_piece(T* row, const float (&v)[piece<T>], int column, int width, bool pieces) {
  if (pieces && column < width) return store(row + column, v);
#pragma unroll
  for (int i = 0; i < piece<T>; i++) {
    if (column + i < width) row[column + i] = from_float<T>(v[i]);
  }
}

// ---- rows of any length: the columns before the first aligned piece and after the last go one by one ----

// A vocabulary of 30,522 has rows that start at any address: aligning each row keeps nearly all of it in
// pieces.
struct RowCut {
  int head, pieces, width;  // elements before the pieces, number of pieces, all elements
};

// For rows that are walked together: pieces only where all of them reach 16 bytes at the same column. All
// have elements of one size.
template <class T, class... Others>
__device__ RowCut cut_rows(int width, const T* row, const Others*... others) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(row) % 16;
  const bool together = ((reinterpret_cast<uintptr_t>(others) % 16 == at) && ...);
  if (!together) return {width, 0, width};
  const int head = static_cast<int>((16 - at) % 16 / sizeof(T));
  if (head >= width) return {width, 0, width};
  return {head, (width - head) / piece<T>, width};
}

// Calls body(column, n) for this thread's share of the columns of rows of T: n, an integral constant, is
// piece<T> or 1, the number of elements from `column` on.
template <class T, class Team, class Body>
__device__ void for_columns(const Team& team, const RowCut& cut, const Body& body) {
  const std::integral_constant<int, 1> one{};
  const std::integral_constant<int, piece<T>> many{};
  for (int i = team.rank(); i < cut.pieces; i += team.size()) body(cut.head + i * piece<T>, many);
  for (int i = team.rank(); i < cut.width - cut.pieces * piece<T>; i += team.size()) {
    body(i < cut.head ? i : i + cut.pieces * piece<T>, one);
  }
}

// Calls body(column, values) for this thread's share of one row, values an array of piece<T> floats or of
// one. Four pieces are under way before the first is used: what body does with it would hold up the next.
template <class T, class Team, class Body>
__device__ void for_values(const Team& team, const RowCut& cut, const T* row, const Body& body) {
  constexpr int together = 4;
  const int step = team.size();
  for (int first = team.rank(); first < cut.pieces; first += together * step) {
    Vector<T, piece<T>> all[together];
#pragma unroll
    for (int i = 0; i < together; i++) {
      const int at = first + i * step;
      if (at < cut.pieces) all[i] = load_vector<piece<T>>(row + cut.head + at * piece<T>);
    }
#pragma unroll
    for (int i = 0; i < together; i++) {
      const int at = first + i * step;
      if (at >= cut.pieces) break;
      float values[piece<T>];
      to_floats(values, all[i]);
      body(cut.head + at * piece<T>, values);
    }
  }
  for (int i = team.rank(); i < cut.width - cut.pieces * piece<T>; i += step) {
    const int column = i < cut.head ? i : i + cut.pieces * piece<T>;
    const float values[1] = {to_float(row[column])};
    body(column, values);
  }
}

}  // namespace athanor
