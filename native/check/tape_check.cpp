// Gradients of whole graphs: fan-out, accumulation, versions, walked graphs, parts of packed parameters,
// handles.
#include <cmath>

#include "check/check.h"
#include "core/function.h"

namespace athanor {

namespace {

using Values = std::vector<float>;

void check_fan_out(Checks& checks) {
  Host host;
  TensorRef x = host.tensor({1, 2, 3}, {3}, true);
  host.backward(host.op("sum", {host.add(x, x), -1.0, 0.0}));
  checks.expect(host.gradient(x) == Values({2, 2, 2}), "add(x, x) has gradient 2");

  TensorRef y = host.multiply(x, x);
  TensorRef z = host.add(host.multiply(y, x), y);  // x^3 + x^2
  host.backward(host.op("sum", {z, -1.0, 0.0}));
  checks.expect(host.gradient(x) == Values({2 + 5, 2 + 16, 2 + 33}), "fan-out adds, and .grad accumulates");
}

// One dy for two leaves: each needs its own copy, or accumulating into one changes the other.
void check_shared_gradient(Checks& checks) {
  Host host;
  TensorRef a = host.tensor({1, 2}, {2}, true), b = host.tensor({3, 4}, {2}, true);
  TensorRef first = host.tensor({10, 20}, {2}), second = host.tensor({1, 1}, {2});
  host.backward(host.add(a, b), first);
  host.backward(host.add(a, a), second);
  checks.expect(host.gradient(a) == Values({12, 22}), "gradient of a");
  checks.expect(host.gradient(b) == Values({10, 20}), "gradient of b is its own");
  checks.expect(host.read(first) == Values({10, 20}), "the upstream gradient is left as it was");
}

// The gradient given to backward() is read where it lies, and never becomes or changes with a .grad.
void check_given_gradient(Checks& checks) {
  Host host;
  TensorRef x = host.tensor({1, 2, 3, 4}, {2, 2}, true), dy = host.tensor({10, 20, 30, 40}, {2, 2});
  const Values given{10, 20, 30, 40};
  host.backward(x, dy);
  checks.expect(host.gradient(x) == given, "a leaf's gradient is what was given");
  host.backward(x, dy);
  host.backward(host.add(x, host.filled(0, {2, 2})), dy);
  host.backward(host.op("transpose", {host.op("transpose", {x, 0.0, 1.0}), 0.0, 1.0}), dy);
  host.backward(host.op("dropout", {x, 0.0, 0.0, 0.0, 0.0, 0.0}), dy);
  checks.expect(host.gradient(x) == Values({50, 100, 150, 200}), "and adds up");
  checks.expect(host.read(dy) == given, "what was given is not added to");

  TensorRef y = host.tensor({1, 2, 3, 4}, {2, 2}, true);
  host.backward(host.add(y, y), dy);
  checks.expect(host.gradient(y) == Values({20, 40, 60, 80}), "handed on twice it adds up too");
  checks.expect(host.read(dy) == given, "and is not added to either");

  TensorRef z = host.tensor({1, 2}, {2, 1}, true);
  TensorRef column = host.op("slice", {dy, 1.0, 1.0, 2.0});  // a range of columns
  host.backward(host.add(z, z), column);
  checks.expect(host.gradient(z) == Values({40, 80}), "a range of columns may be given");
}

// Between forward and backward an activation's result that the next product has read is not kept, but made
// again for whoever needs it: to the same bits.
void check_restored_activation(Checks& checks) {
  Host host;
  constexpr int64_t rows = 300, inner = 2000;
  Values x(rows * 3), w(3 * inner), w2(inner * 2);
  for (Values* values : {&x, &w, &w2}) {
    for (size_t i = 0; i < values->size(); i++)
      (*values)[i] = static_cast<float>(i * 7919 % 1000) / 400 - 1.2f;
  }
  TensorRef input = host.tensor(x, {rows, 3}), first = host.tensor(w, {inner, 3}, true),
            second = host.tensor(w2, {2, inner}, true);
  const auto linear = [&](const TensorRef& from, const TensorRef& weight, Function f) {
    return host.op("linear",
                   {from, weight, TensorRef(), static_cast<double>(f), 0.0, TensorRef(), TensorRef()});
  };
  TensorRef y = linear(input, first, Function::gelu);
  const Values before = host.read(y);
  const size_t live = Device::cpu().allocator().counts().live;
  TensorRef z = linear(y, second, Function::identity);
  host.read(z);
  checks.expect(Device::cpu().allocator().counts().live + rows * inner * 3 < live,
                "its memory is free meanwhile");
  checks.expect(y->view.storage->data == nullptr, "and it has none");
  host.backward(z, host.filled(1, {rows, 2}));
  const Values gradient = host.gradient(second);
  checks.expect(host.read(y) == before, "an activation is made again to the same bits");
  double sum = 0;
  for (size_t r = 0; r < rows; r++) sum += before[r * inner + 5];
  checks.expect(std::fabs(gradient[5] - sum) <= 1e-5 * rows, "and the next weight's gradient is of it");
}

void check_versions(Checks& checks) {
  Host host;
  TensorRef w = host.tensor({2, 3}, {2}, true);
  TensorRef loss = host.op("sum", {host.multiply(w, w), -1.0, 0.0});
  host.backward(loss, true);
  host.backward(loss);
  checks.expect(host.gradient(w) == Values({8, 12}), "retainGraph walks twice");
  checks.expect_error(ErrorCode::version, "already walked", [&] { host.backward(loss); });

  TensorRef late = host.op("sum", {host.multiply(w, w), -1.0, 0.0});
  host.ops("sgd", {0.0, 0.0, 0.0, 0.0, 0.0, 1.0, w, TensorRef(), TensorRef(), 0.5, 0.0, 1.0});
  checks.expect_error(ErrorCode::version, "changed in place", [&] { host.backward(late); });
  checks.expect(host.read(w) == Values({-2, -3}), "sgd ran");
  checks.expect(host.gradient(w) == Values({8, 12}), "the refused backward changed nothing");
}

// A chain whose links are held twice each: destroying it must not recurse.
void check_long_chain(Checks& checks) {
  Host host;
  TensorRef x = host.tensor({0}, {1}, true), y = x;
  for (int i = 0; i < 100000; i++) {
    y = host.add(y, y);
    if (i % 4096 == 0) host.synchronize();
  }
  checks.expect(host.item(y) == 0, "a chain of 100,000 nodes");
  y = nullptr;
  checks.expect(true, "and its end");
}

void check_parts(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  TensorRef base = host.filled(1, {4, 2}, true);
  auto part_of = [&](int64_t row, int64_t rows) {
    auto part = std::make_shared<Tensor>();
    part->view = base->view.row_range(row, row + rows);
    part->base = base;
    part->row_begin = row;
    part->requires_grad = true;
    base->parts.push_back(part);
    return part;
  };
  TensorRef top = part_of(0, 1), rest = part_of(1, 3);
  host.backward(host.op("sum", {host.multiply(base, base), -1.0, 0.0}));
  checks.expect(host.gradient(top) == Values({2, 2}), "a part sees its rows of the gradient");
  checks.expect(host.gradient(rest) == Values(6, 2), "and the other part its own");

  clear_gradients(environment, {top});
  checks.expect(host.gradient(top).empty() && host.gradient(rest) == Values(6, 2),
                "one part is cleared alone");
  host.backward(host.op("sum", {host.multiply(base, base), -1.0, 0.0}));
  checks.expect(host.gradient(top) == Values({2, 2}), "a cleared part starts again from zero");
  checks.expect(host.gradient(rest) == Values(6, 4), "the other goes on");

  set_requires_grad(top, false);
  checks.expect(host.gradient(top).empty() && base->requires_grad, "a frozen part has no gradient");
  host.backward(host.op("sum", {base, -1.0, 0.0}));
  set_requires_grad(top, true);
  checks.expect(host.gradient(top).empty(), "nor one from the time when it was frozen");
  host.backward(host.op("sum", {top, -1.0, 0.0}));
  checks.expect(host.gradient(top) == Values({1, 1}), "a part may be used alone");
  checks.expect(host.gradient(rest) == Values(6, 5), "without effect on the others");

  clear_gradients(environment, {top, rest});
  checks.expect(base->grad == nullptr, "the packed gradient goes with its last part");
}

void check_handles(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  double first = environment.add_handle(host.filled(1, {2}));
  environment.release_handle(first);
  environment.release_handle(first);
  checks.expect_error(ErrorCode::disposed, "was disposed", [&] { environment.tensor(first, "check", "x"); });
  double second = environment.add_handle(host.filled(2, {2}));
  checks.expect(first != second, "a slot used again gives another handle");
  checks.expect_error(ErrorCode::disposed, "was disposed", [&] { environment.tensor(first, "check", "x"); });
  environment.release_handle(first);
  checks.expect(environment.tensor(second, "check", "x") != nullptr, "a stale handle frees nothing");
  checks.expect_error(ErrorCode::argument, "must be a tensor", [&] { environment.tensor(7, "check", "x"); });
}

}  // namespace

void check_tape(Checks& checks) {
  check_fan_out(checks);
  check_shared_gradient(checks);
  check_given_gradient(checks);
  check_restored_activation(checks);
  check_versions(checks);
  check_long_chain(checks);
  check_parts(checks);
  check_handles(checks);
}

}  // namespace athanor
