#include "check/check.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "core/transfer.h"
#include "ops/op.h"

namespace athanor {

void Checks::expect(bool holds, const std::string& what) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (holds) {
    passed_++;
    return;
  }
  failed_++;
  std::printf("FAILED %s\n", what.c_str());
  std::fflush(stdout);
}

void Checks::expect_close(const std::vector<float>& actual, const std::vector<float>& expected,
                          double tolerance, const std::string& what) {
  if (actual.size() != expected.size()) {
    expect(false, what + ": " + std::to_string(actual.size()) + " elements, expected " +
                      std::to_string(expected.size()));
    return;
  }
  double largest = 0, worst = 0;
  for (size_t i = 0; i < expected.size(); i++) {
    largest = std::fmax(largest, std::fabs(static_cast<double>(expected[i])));
    if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
    double difference = std::fabs(static_cast<double>(actual[i]) - expected[i]);
    if (!(difference <= worst)) worst = difference;  // a NaN alone counts
  }
  if (largest == 0) largest = 1;
  expect(worst <= tolerance * largest,
         what + ": off by " + std::to_string(worst / largest) + " of the largest");
}

TensorRef Host::make(DType dtype, const Shape& shape, const void* bytes, int32_t queue) {
  auto t = std::make_shared<Tensor>();
  QueueRef home = environment->queue(queue);
  t->view.dtype = dtype;
  t->view.shape = shape;
  t->view.row_stride = shape.width();
  size_t size = static_cast<size_t>(shape.count()) * dtype_size(dtype);
  t->view.storage = std::make_shared<Storage>(home->device, size, home);
  void* staged = t->view.storage->stage();
  if (size) std::memcpy(staged, bytes, size);
  t->view.storage->on_host = true;
  return t;
}

TensorRef Host::tensor(const std::vector<float>& values, const Shape& shape, bool requires_grad,
                       int32_t queue) {
  if (static_cast<int64_t>(values.size()) != shape.count())
    throw Error(ErrorCode::shape, "check: wrong count");
  TensorRef t = make(DType::f32, shape, values.data(), queue);
  t->requires_grad = requires_grad;
  return t;
}

TensorRef Host::integers(const std::vector<int32_t>& values, const Shape& shape) {
  if (static_cast<int64_t>(values.size()) != shape.count())
    throw Error(ErrorCode::shape, "check: wrong count");
  return make(DType::i32, shape, values.data(), 0);
}

TensorRef Host::filled(float value, const Shape& shape, bool requires_grad) {
  return tensor(std::vector<float>(static_cast<size_t>(shape.count()), value), shape, requires_grad);
}

std::vector<TensorRef> Host::ops(const char* name, const std::vector<Argument>& arguments) {
  const Op* op = find_op(name);
  if (!op) throw Error(ErrorCode::internal, std::string("check: no op ") + name);
  std::vector<double> numbers;
  for (const Argument& a : arguments) {
    numbers.push_back(a.is_tensor ? (a.tensor ? environment->add_handle(a.tensor) : 0) : a.number);
  }
  struct Release {
    Environment& environment;
    const std::vector<Argument>& arguments;
    const std::vector<double>& numbers;
    ~Release() {
      for (size_t i = 0; i < numbers.size(); i++) {
        if (arguments[i].tensor) environment.release_handle(numbers[i]);
      }
    }
  } release{*environment, arguments, numbers};
  environment->calls++;
  Call call(*environment, op->name, numbers.data(), static_cast<int>(numbers.size()));
  op->call(call);
  return call.results();
}

void Host::backward(const TensorRef& loss, bool retain_graph) {
  run_backward(*environment, loss, nullptr, retain_graph);
}

void Host::backward(const TensorRef& loss, const TensorRef& gradient) {
  run_backward(*environment, loss, &gradient->view, false);
}

std::vector<float> Host::read(const TensorRef& tensor) {
  View view = tensor->view;
  auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(view.count()));
  Command command;
  command.op = "read";
  command.inputs.push_back(view.storage);
  command.run = [values, view](Execution& e) {
    read_rows(e, view, [values, view](const void* rows, size_t stride) {
      for (int64_t row = 0; row < view.rows(); row++) {
        if (view.width() == 0) return;
        std::memcpy(values->data() + row * view.width(),
                    static_cast<const char*>(rows) + static_cast<size_t>(row) * stride,
                    static_cast<size_t>(view.width()) * sizeof(float));
      }
    });
  };
  auto latch = std::make_shared<Latch>();
  command.finished = [opener = Latch::Opener(latch)](const FailureRef& cause) { opener.open(cause); };
  QueueRef queue = view.storage->last_write.queue ? view.storage->last_write.queue : view.storage->home;
  environment->enqueue(queue, std::move(command));
  if (FailureRef failure = latch->wait()) throw Error(failure->code, failure->message);
  return *values;
}

std::vector<float> Host::gradient(const TensorRef& leaf) {
  TensorRef found = get_gradient(*environment, leaf);
  return found ? read(found) : std::vector<float>();
}

void Host::synchronize() {
  for (const QueueRef& queue : environment->queues()) queue->device.wait(*queue, queue->enqueued);
}

void Host::run(const QueueRef& queue, std::function<void()> body) {
  Command command;
  command.op = "check";
  command.run = [body = std::move(body)](Execution&) { body(); };
  environment->enqueue(queue, std::move(command));
}

Gate::Gate(Host& host, const QueueRef& queue) : state_(std::make_shared<State>()) {
  host.run(queue, [state = state_] {
    std::unique_lock<std::mutex> lock(state->mutex);
    state->entered = true;
    state->changed.notify_all();
    state->changed.wait(lock, [&] { return state->open; });
  });
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->entered; });
}

void Gate::open() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->open = true;
  state_->changed.notify_all();
}

}  // namespace athanor
