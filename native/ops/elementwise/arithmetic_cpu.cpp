#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/elementwise/arithmetic.h"
#include "ops/reduce/reduction.h"

namespace athanor {

namespace {

constexpr size_t grain = 8192;  // elements: below this a wake-up costs more than the work

bool one_number(const Operand<float>& o) {
  return o.broadcast == Broadcast::column || o.broadcast == Broadcast::scalar;
}

// What an operand holds for all of a row; column and scalar only.
float number(const Operand<float>& o, int64_t row) {
  if (!o.data) return o.value;
  return o.broadcast == Broadcast::column ? o.data[row * o.row_stride] : *o.data;
}

const float* elements(const Operand<float>& o, int64_t row, int64_t column) {
  return o.broadcast == Broadcast::row ? o.data + column : o.data + row * o.row_stride + column;
}

// y = a op b for n elements of a row from a column on. At most one side is one number.
void combine(Arithmetic op, float* y, const Operand<float>& a, const Operand<float>& b, int64_t row,
             int64_t column, int64_t n) {
  const Kernels& k = kernels();
  size_t size = static_cast<size_t>(n);
  if (one_number(b)) {
    k.arithmetic_scalar(op, y, elements(a, row, column), number(b, row), size);
  } else if (one_number(a)) {
    k.scalar_arithmetic(op, y, number(a, row), elements(b, row, column), size);
  } else {
    k.arithmetic(op, y, elements(a, row, column), elements(b, row, column), size);
  }
}

// The whole as one row where every operand allows it: fewer, longer calls.
void flatten(int64_t& rows, int64_t& width, std::initializer_list<const Operand<float>*> operands) {
  for (const Operand<float>* o : operands) {
    bool whole =
        o->broadcast == Broadcast::scalar || (o->broadcast == Broadcast::same && o->row_stride == width);
    if (!whole) return;
  }
  width *= rows;
  rows = 1;
}

// Calls body(row, column, n, first) for the stretches of rows, at most `longest` elements each, that make up
// the elements [begin, end) of a (rows, width) matrix.
template <class Body>
void for_stretches(int64_t begin, int64_t end, int64_t width, int64_t longest, const Body& body) {
  for (int64_t at = begin; at < end;) {
    int64_t row = at / width, column = at % width;
    int64_t n = std::min({width - column, end - at, longest});
    body(row, column, n, at);
    at += n;
  }
}

// n elements of what reaches one side before any sum: a pointer to them, in dy or in buffer.
const float* contribution(const ArithmeticBackward<float>& a, int64_t row, int64_t column, int64_t n,
                          float* buffer) {
  const Kernels& k = kernels();
  const float* dy = elements(a.dy, row, column);
  size_t size = static_cast<size_t>(n);
  switch (a.op) {
    case Arithmetic::add: return dy;
    case Arithmetic::subtract:
      if (!a.second) return dy;
      k.scale(buffer, -1.0f, dy, size);
      return buffer;
    case Arithmetic::multiply:
      combine(Arithmetic::multiply, buffer, a.dy, a.second ? a.a : a.b, row, column, n);
      return buffer;
    case Arithmetic::divide: break;
  }
  if (!a.second) {
    combine(Arithmetic::divide, buffer, a.dy, a.b, row, column, n);
    return buffer;
  }
  // -dy a / b^2 as -(dy ((a / b) / b)), so that b^2 cannot overflow.
  combine(Arithmetic::divide, buffer, a.a, a.b, row, column, n);
  if (one_number(a.b)) {
    k.arithmetic_scalar(Arithmetic::divide, buffer, buffer, number(a.b, row), size);
  } else {
    k.arithmetic(Arithmetic::divide, buffer, buffer, elements(a.b, row, column), size);
  }
  k.arithmetic(Arithmetic::multiply, buffer, buffer, dy, size);
  k.scale(buffer, -1.0f, buffer, size);
  return buffer;
}

void gradient_same(const ArithmeticBackward<float>& a, int64_t rows, int64_t width) {
  parallel_ranges(static_cast<size_t>(rows * width), grain, [&](size_t begin, size_t end, Worker&) {
    for_stretches(static_cast<int64_t>(begin), static_cast<int64_t>(end), width, sum_stretch,
                  [&](int64_t row, int64_t column, int64_t n, int64_t first) {
                    float* dx = a.dx + first;
                    const float* from = contribution(a, row, column, n, dx);
                    if (from != dx) std::copy(from, from + n, dx);
                  });
  });
}

double sum_contributions(const ArithmeticBackward<float>& a, int64_t begin, int64_t end, int64_t width) {
  double total = 0;
  float buffer[sum_stretch];
  for_stretches(begin, end, width, sum_stretch, [&](int64_t row, int64_t column, int64_t n, int64_t) {
    total +=
        static_cast<double>(kernels().sum(contribution(a, row, column, n, buffer), static_cast<size_t>(n)));
  });
  return total;
}

}  // namespace

void arithmetic_forward(Cpu, const ArithmeticForward<float>& a) {
  int64_t rows = a.rows, width = a.width;
  flatten(rows, width, {&a.a, &a.b});
  parallel_ranges(static_cast<size_t>(rows * width), grain, [&](size_t begin, size_t end, Worker&) {
    for_stretches(static_cast<int64_t>(begin), static_cast<int64_t>(end), width, width,
                  [&](int64_t row, int64_t column, int64_t n, int64_t first) {
                    combine(a.op, a.y + first, a.a, a.b, row, column, n);
                  });
  });
}

void arithmetic_backward(Cpu, const ArithmeticBackward<float>& a) {
  int64_t rows = a.rows, width = a.width;
  switch ((a.second ? a.b : a.a).broadcast) {
    case Broadcast::same: return gradient_same(a, rows, width);
    case Broadcast::scalar:
      *a.dx =
          static_cast<float>(sum_in_blocks(rows * width, sum_block, [&](int64_t begin, int64_t end, Worker&) {
            return sum_contributions(a, begin, end, width);
          }));
      return;
    case Broadcast::column:
      parallel_ranges(
          static_cast<size_t>(rows), grain / static_cast<size_t>(width + 1) + 1,
          [&](size_t begin, size_t end, Worker&) {
            for (int64_t row = static_cast<int64_t>(begin); row < static_cast<int64_t>(end); row++) {
              a.dx[row] = static_cast<float>(sum_contributions(a, row * width, (row + 1) * width, width));
            }
          });
      return;
    case Broadcast::row:
      sum_of_rows(a.dx, 1, rows, width, 1.0,
                  [&](int64_t, int64_t row, int64_t column, int64_t n, float* buffer) {
                    return contribution(a, row, column, n, buffer);
                  });
  }
}

}  // namespace athanor
