// The op `matmul`: arguments a, b, transposeA, transposeB. a (..., M, K) and b (..., K, N), or with their
// last two dimensions swapped; the leading dimensions are equal. Gives (..., M, N). With G the gradient of C
// = A B: dA = G B^T and dB = A^T G; of a factor stored transposed, the transpose of that.
#include "ops/matmul/matmul.h"

namespace athanor {

namespace {

struct Sizes {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
};

template <class T>
Factor<T> factor(const View& v, bool transposed) {
  const int rank = v.shape.rank;
  return {v.data<T>(), v.shape[rank - 2] * v.shape[rank - 1], v.row_stride, transposed};
}

Sizes check(Call& c, const TensorRef& a, const TensorRef& b, bool transpose_a, bool transpose_b) {
  c.check_float(a, "a");
  c.check_dtype(b, "b", a->view.dtype);
  c.check_rank(a, "a", 2, 4);
  const int rank = a->shape().rank;
  c.check_rank(b, "b", rank, rank);
  Sizes s;
  s.transpose_a = transpose_a, s.transpose_b = transpose_b;
  const int row = rank - 2, column = rank - 1;
  s.m = a->shape()[transpose_a ? column : row];
  s.k = a->shape()[transpose_a ? row : column];
  s.n = b->shape()[transpose_b ? row : column];
  Shape needed = a->shape();
  needed.dims[row] = transpose_b ? s.n : s.k;
  needed.dims[column] = transpose_b ? s.k : s.n;
  c.check_shape(b, "b", needed);
  return s;
}

void product(Emitter& e, const View& a, bool a_transposed, const View& b, bool b_transposed, const View& y,
             int64_t k) {
  int64_t batch = 1;
  for (int i = 0; i + 2 < y.shape.rank; i++) batch *= y.shape[i];
  const int64_t m = y.shape[y.shape.rank - 2], n = y.shape[y.shape.rank - 1];
  e.run({a, b}, {y}, [=](Execution& execution) {
    on_device_as(execution, a.dtype, "matmul", [&](auto device, auto zero) {
      using T = decltype(zero);
      const Factor<T> first = factor<T>(a, a_transposed), second = factor<T>(b, b_transposed);
      if (y.dtype == DType::f32) {
        batched_product(device, BatchedProduct<T, float>{batch, m, n, k, y.data<float>(), first, second});
      } else {
        batched_product(device, BatchedProduct<T, T>{batch, m, n, k, y.data<T>(), first, second});
      }
    });
  });
}

// a is only there when b needs a gradient, and b when a does; their shapes always are.
void backward(Backward& g, const Sizes& s, const View& a, const View& b) {
  const View& dy = g.gradient(0);  // (..., M, N)
  if (g.needs(0)) {
    View da = g.make(g.gradient_dtype(0, dy.dtype), a.shape);
    if (s.transpose_a) {
      product(g, b, s.transpose_b, dy, true, da, s.n);  // (..., K, M)
    } else {
      product(g, dy, false, b, !s.transpose_b, da, s.n);  // (..., M, K)
    }
    g.set(0, da);
  }
  if (g.needs(1)) {
    View db = g.make(g.gradient_dtype(1, dy.dtype), b.shape);
    if (s.transpose_b) {
      product(g, dy, true, a, s.transpose_a, db, s.m);  // (..., N, K)
    } else {
      product(g, a, !s.transpose_a, dy, false, db, s.m);  // (..., K, N)
    }
    g.set(1, db);
  }
}

void call(Call& c) {
  TensorRef a_input = c.tensor(0, "a"), b_input = c.tensor(1, "b");
  const Sizes s = check(c, a_input, b_input, c.flag(2, "transposeA"), c.flag(3, "transposeB"));
  View a = a_input->view, b = b_input->view;
  Shape shape = a.shape;
  shape.dims[shape.rank - 2] = s.m;
  shape.dims[shape.rank - 1] = s.n;
  View y = c.make(a.dtype, shape);
  product(c, a, s.transpose_a, b, s.transpose_b, y, s.k);
  c.result(y);
  if (!c.recording({b_input})) a.storage = nullptr;
  if (!c.recording({a_input})) b.storage = nullptr;
  c.record({a_input, b_input}, {a, b}, [=](Backward& g) { backward(g, s, a, b); });
}

}  // namespace

extern const Op op_matmul{"matmul", call, nullptr};

}  // namespace athanor
