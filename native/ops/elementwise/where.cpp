// The op `where`. Arguments: condition, a, b (handles; 0 for plain numbers), the number for a, the one for b.
#include "ops/elementwise/where.h"

namespace athanor {

namespace {

struct Side {
  View view;
  bool one = true;
  float value = 0;

  template <class T>
  WhereSide<T> argument() const {
    return {view.data<T>(), one, value};
  }
};

Side side(Call& c, const TensorRef& t, const char* name, int number_position, const Shape& shape) {
  Side s;
  if (!t) {
    s.value = static_cast<float>(c.number(number_position, name));
    return s;
  }
  c.check_float(t, name);
  s.one = t->shape() != shape;
  if (s.one && t->shape().count() != 1) {
    c.fail(ErrorCode::shape, std::string(name) + " must have the shape of condition " + shape.text() +
                                 " or one element, got " + t->shape().text());
  }
  s.view = c.rows_of(t);
  return s;
}

View gradient_of(Backward& b, const View& condition, bool taken, const Shape& shape, bool one) {
  View dy = b.contiguous(b.gradient(0));
  View dx = b.make(dy.dtype, shape);
  b.run({condition, dy}, {dx}, [=](Execution& e) {
    on_device_as(e, dy.dtype, "where", [&](auto device, auto zero) {
      using T = decltype(zero);
      const Condition chooser{condition.dtype, condition.data<void>()};
      where_backward(device, WhereBackward<T>{chooser, dy.data<T>(), dx.data<T>(), taken, one, dy.count()});
    });
  });
  return dx;
}

void call(Call& c) {
  TensorRef chooser = c.tensor(0, "condition"), left = c.optional(1, "a"), right = c.optional(2, "b");
  DType dtype = chooser->view.dtype;
  if (dtype != DType::u8 && dtype != DType::i32 && dtype != DType::f32) {
    c.fail(ErrorCode::dtype, std::string("condition must be u8, i32 or f32, got ") + dtype_name(dtype));
  }
  Shape shape = chooser->shape();
  Side a = side(c, left, "a", 3, shape), b = side(c, right, "b", 4, shape);
  View condition = c.rows_of(chooser);
  if (left && right) c.check_dtype(right, "b", left->view.dtype);
  View y = c.make(left ? left->view.dtype : right ? right->view.dtype : DType::f32, shape);
  c.run({condition, a.view, b.view}, {y}, [=](Execution& e) {
    on_device_as(e, y.dtype, "where", [&](auto device, auto zero) {
      using T = decltype(zero);
      const Condition chooser{condition.dtype, condition.data<void>()};
      where_forward(device,
                    WhereForward<T>{chooser, a.argument<T>(), b.argument<T>(), y.data<T>(), y.count()});
    });
  });
  c.result(y);
  Shape a_shape = left ? left->shape() : Shape(), b_shape = right ? right->shape() : Shape();
  bool a_one = a.one, b_one = b.one;
  c.record({left, right}, {condition}, [=](Backward& back) {
    if (back.needs(0)) back.set(0, gradient_of(back, condition, true, a_shape, a_one));
    if (back.needs(1)) back.set(1, gradient_of(back, condition, false, b_shape, b_one));
  });
}

}  // namespace

extern const Op op_where{"where", call, nullptr};

}  // namespace athanor
