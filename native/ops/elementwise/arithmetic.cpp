// The op `arithmetic`: a op b with the broadcasts of arithmetic.h. Arguments: a, b (handles; 0 for a plain
// number), op, the number. Gradients of broadcast sides are sums over what was broadcast.
#include "ops/elementwise/arithmetic.h"

namespace athanor {

namespace {

// One side of a call: a view (undefined for a plain number) and how it meets the full shape.
struct Side {
  View view;
  Broadcast broadcast = Broadcast::same;
  float value = 0;

  template <class T>
  Operand<T> operand() const {
    return {view.data<T>(), view.row_stride, broadcast, value};
  }
};

// Whether `part` may be broadcast over `full`; shapes that are equal do not come here.
bool broadcasts(const Shape& full, const Shape& part, Broadcast* kind) {
  if (part.count() == 1 && (full.count() != 1 || full.rank > part.rank)) {
    *kind = Broadcast::scalar;
    return true;
  }
  if (full.rank >= 2 && part.width() == full.width() &&
      (part.rank == 1 || (part.rank == 2 && part[0] == 1))) {
    *kind = Broadcast::row;
    return true;
  }
  if (full.rank == 2 && part.rank == 2 && part[0] == full[0] && part[1] == 1) {
    *kind = Broadcast::column;
    return true;
  }
  return false;
}

// Sets the broadcast of both sides and returns the shape of the result.
Shape combine_shapes(const Call& c, Side& a, Side& b) {
  if (!a.view.defined() || !b.view.defined()) {
    (a.view.defined() ? b : a).broadcast = Broadcast::scalar;
    return a.view.defined() ? a.view.shape : b.view.shape;
  }
  if (a.view.shape == b.view.shape) return a.view.shape;
  if (broadcasts(a.view.shape, b.view.shape, &b.broadcast)) return a.view.shape;
  if (broadcasts(b.view.shape, a.view.shape, &a.broadcast)) return b.view.shape;
  c.fail(ErrorCode::shape,
         "a and b must have equal shapes, or one must be a row, a column or a scalar of the other; "
         "got " +
             a.view.shape.text() + " and " + b.view.shape.text());
}

// The gradient of one side; `first` and `last` keep what the formula reads, in undefined views the rest.
View gradient_of(Backward& b, Arithmetic op, bool second, const Side& first, const Side& last,
                 const Shape& shape) {
  View dy = b.gradient(0);
  View dx = b.make(b.gradient_dtype(second ? 1 : 0, dy.dtype), shape);
  b.run({dy, first.view, last.view}, {dx}, [=](Execution& e) {
    on_device_as(e, dy.dtype, "arithmetic", [&](auto device, auto zero) {
      using T = decltype(zero);
      gradient_as<T>(dx.dtype, [&](auto gradient) {
        using G = decltype(gradient);
        const Operand<T> upstream{dy.data<T>(), dy.row_stride, Broadcast::same, 0};
        ArithmeticBackward<T, G> a{op,           second,    upstream,  first.operand<T>(), last.operand<T>(),
                                   dx.data<G>(), dy.rows(), dy.width()};
        arithmetic_backward(device, a);
      });
    });
  });
  return dx;
}

// Whether dy itself is the gradient of a term, rather than a sum or a copy in another type.
bool passes(const Backward& back, int input, const Side& side) {
  const DType dtype = back.gradient(0).dtype;
  return side.broadcast == Broadcast::same && back.gradient_dtype(input, dtype) == dtype;
}

void record(Call& c, Arithmetic op, const TensorRef& left, const TensorRef& right, Side a, Side b) {
  bool left_needed = left && left->requires_grad, right_needed = right && right->requires_grad;
  bool divide = op == Arithmetic::divide, product = divide || op == Arithmetic::multiply;
  Shape shapes[2] = {a.view.shape, b.view.shape};
  if (!(product && right_needed)) a.view = View();
  if (!((product && left_needed) || (divide && right_needed))) b.view = View();
  c.record({left, right}, {a.view, b.view}, [=](Backward& back) {
    // a + b and a - b hand dy itself to a side of the full shape.
    if (back.needs(0)) {
      bool pass = !product && passes(back, 0, a);
      back.set(0, pass ? back.gradient(0) : gradient_of(back, op, false, a, b, shapes[0]));
    }
    if (back.needs(1)) {
      bool pass = op == Arithmetic::add && passes(back, 1, b);
      back.set(1, pass ? back.gradient(0) : gradient_of(back, op, true, a, b, shapes[1]));
    }
  });
}

void call(Call& c) {
  TensorRef left = c.optional(0, "a"), right = c.optional(1, "b");
  auto op = c.choice<Arithmetic>(2, "operation", 4);
  if (!left && !right) c.fail(ErrorCode::argument, "a or b must be a tensor, got two numbers");
  Side a, b;
  if (left) {
    c.check_float(left, "a");
    a.view = left->view;
  } else {
    a.value = static_cast<float>(c.number(3, "number"));
  }
  if (right) {
    c.check_float(right, "b");
    if (left) c.check_dtype(right, "b", left->view.dtype);
    b.view = right->view;
  } else {
    b.value = static_cast<float>(c.number(3, "number"));
  }
  View y = c.make((left ? left : right)->view.dtype, combine_shapes(c, a, b));
  c.run({a.view, b.view}, {y}, [=](Execution& e) {
    on_device_as(e, y.dtype, "arithmetic", [&](auto device, auto zero) {
      using T = decltype(zero);
      ArithmeticForward<T> f{op, a.operand<T>(), b.operand<T>(), y.data<T>(), y.rows(), y.width()};
      arithmetic_forward(device, f);
    });
  });
  c.result(y);
  record(c, op, left, right, a, b);
}

}  // namespace

extern const Op op_arithmetic{"arithmetic", call, nullptr};

}  // namespace athanor
