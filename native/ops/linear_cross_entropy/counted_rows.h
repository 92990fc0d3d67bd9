// The rows of x that linear_cross_entropy projects on CUDA, and the way back of their gradient.
#pragma once

#include "cuda/row_team.h"
#include "cuda/scratch.h"
#include "ops/cross_entropy/labels.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace athanor {
namespace {

// to[to_rows[i]] = scale from[from_rows[i]] for rows of `width` elements; without positions row i is row i.
template <class To, class From>
struct RowMove {
  To* to;
  const int32_t* to_rows;
  int64_t to_stride;
  const From* from;
  const int32_t* from_rows;
  int64_t from_stride;
  int64_t count, width;
  float scale;
};

template <class To, class From>
__global__ void __launch_bounds__(WarpTeam::most_threads) move_rows_kernel(RowMove<To, From> a) {
  const WarpTeam team;
  const int64_t i = team.index();
  if (i >= a.count) return;
  To* to = a.to + (a.to_rows ? a.to_rows[i] : i) * a.to_stride;
  const From* from = a.from + (a.from_rows ? a.from_rows[i] : i) * a.from_stride;
  for (int64_t column = team.rank(); column < a.width; column += team.size()) {
    to[column] = from_float<To>(a.scale * to_float(from[column]));
  }
}

template <class To, class From>
void move_rows(const Cuda& cuda, const RowMove<To, From>& a) {
  launch(move_rows_kernel<To, From>, row_blocks<WarpTeam>(a.count), WarpTeam::most_threads, 0, cuda.stream,
         a);
}

// The rows that count, side by side and times the scale, and where they are among all. They are x itself
// where all rows count and the scale is 1.
template <class T>
class Counted {
 public:
  Counted(const Cuda& cuda, const LinearCrossEntropyInput<T>& in)
      : Counted(cuda, in, {"linear_cross_entropy", in.rows, in.classes, in.options.ignore_index}) {}

  // Of row i among all rows; null where they are the same.
  const int32_t* positions() const { return all ? nullptr : positions_.data(); }

  const T* x() const { return in_place ? given_ : gathered_.data(); }  // (count, C)

  const int64_t count;
  const bool all, in_place;
  const int64_t x_stride;

 private:
  Counted(const Cuda& cuda, const LinearCrossEntropyInput<T>& in, const LabelCheck& labels)
      : count(counted_labels(cuda, labels, in.labels)),
        all(count == in.rows),
        in_place(all && in.scale == 1.0f),
        x_stride(in_place ? in.x_stride : in.width),
        positions_(cuda, all ? 0 : count),
        given_(in.x),
        gathered_(cuda, in_place ? 0 : count * in.width) {
    if (count == 0) return;
    if (!all) find_counted(cuda, labels, in.labels.data, positions_.data());
    if (in_place) return;
    move_rows(cuda, RowMove<T, T>{gathered_.data(), nullptr, in.width, in.x, positions(), in.x_stride, count,
                                  in.width, in.scale});
  }

  const Scratch<int32_t> positions_;
  const T* const given_;
  const Scratch<T> gathered_;
};

}  // namespace
}  // namespace athanor
