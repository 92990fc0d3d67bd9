// At most four dimensions; rank 0 is a scalar.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/error.h"

namespace athanor {

struct Shape {
  int rank = 0;
  int64_t dims[4] = {1, 1, 1, 1};

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes) dims[rank++] = size;
  }

  int64_t operator[](int i) const { return dims[i]; }
  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= dims[i];
    return n;
  }
  // Size of the last dimension; 1 for a scalar.
  int64_t width() const { return rank == 0 ? 1 : dims[rank - 1]; }
  // Number of last-dimension rows: count() / width(), also when width is 0.
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank; i++) n *= dims[i];
    return n;
  }
  bool operator==(const Shape& other) const {
    if (rank != other.rank) return false;
    for (int i = 0; i < rank; i++) {
      if (dims[i] != other.dims[i]) return false;
    }
    return true;
  }
  bool operator!=(const Shape& other) const { return !(*this == other); }

  // The same dimensions with the last one replaced (or appended to a scalar).
  Shape with_width(int64_t width) const {
    Shape s = *this;
    if (s.rank == 0) s.rank = 1;
    s.dims[s.rank - 1] = width;
    return s;
  }
  std::string text() const {
    std::string s = "(";
    for (int i = 0; i < rank; i++) {
      if (i) s += ", ";
      s += std::to_string(dims[i]);
    }
    return s + ")";
  }
};

}  // namespace athanor
