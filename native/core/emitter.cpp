#include "core/emitter.h"

#include <chrono>

#include "core/accelerator.h"
#include "core/rows.h"

namespace athanor {

namespace {

constexpr int64_t most_elements = int64_t{1} << 46;

// The product of the dimensions, which may each be honest and together overflow: (2^40, 0) times (0, 2^40).
int64_t checked_count(const char* op, const Shape& shape) {
  int64_t n = 1;
  bool too_large = false;
  for (int i = 0; i < shape.rank; i++) {
    if (shape[i] == 0) return 0;
    too_large = too_large || n > most_elements / shape[i];
    if (!too_large) n *= shape[i];
  }
  if (too_large)
    throw Error(ErrorCode::out_of_memory, std::string(op) + ": out of memory: no room for " + shape.text());
  return n;
}

int64_t bytes_of(const std::vector<View>& views) {
  int64_t bytes = 0;
  for (const View& v : views) {
    if (v.defined()) bytes += v.count() * static_cast<int64_t>(dtype_size(v.dtype));
  }
  return bytes;
}

// The body with a clock around it.
std::function<void(Execution&)> traced(std::function<void(Execution&)> body,
                                       std::shared_ptr<TracedCommand> entry) {
  return [body = std::move(body), entry = std::move(entry)](Execution& e) {
    if (e.device.accelerator()) {
      std::shared_ptr<StreamTimer> timer = e.queue->stream().start_timer();
      body(e);
      timer->stop();
      entry->timer = timer;
      return;
    }
    auto begin = std::chrono::steady_clock::now();
    body(e);
    entry->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
}

bool whole_storage(const View& v) {
  return v.storage->bytes == static_cast<size_t>(v.count()) * dtype_size(v.dtype);
}

}  // namespace

const QueueRef& Emitter::queue() {
  if (!queue_) queue_ = environment.default_queue(Device::standard());
  return queue_;
}

View Emitter::make(DType dtype, const Shape& shape) {
  View v;
  v.dtype = dtype;
  v.shape = shape;
  v.row_stride = shape.width();
  size_t bytes = static_cast<size_t>(checked_count(op, shape)) * dtype_size(dtype);
  v.storage = std::make_shared<Storage>(queue()->device, bytes, queue());
  return v;
}

Command Emitter::command(const std::vector<View>& inputs, const std::vector<View>& outputs,
                         std::function<void(Execution&)> body, CommandKind kind) {
  Command command;
  command.op = op;
  command.call = call;
  command.kind = kind;
  command.inputs.reserve(inputs.size() + 1);
  for (const View& v : inputs) {
    if (!v.defined()) continue;
    if (&v.storage->device != &queue()->device) {
      throw Error(ErrorCode::device, std::string(op) + ": all tensors must be on " + queue()->device.name() +
                                         ", got one on " + v.storage->device.name());
    }
    command.inputs.push_back(v.storage);
  }
  if (depends_on_) command.inputs.push_back(depends_on_);
  command.outputs.reserve(outputs.size());
  for (const View& v : outputs) {
    if (!v.defined()) continue;
    command.outputs.push_back(v.storage);
    // What overwrites a part does not heal the rest.
    if (kind == CommandKind::overwrite && !whole_storage(v)) command.kind = CommandKind::accumulate;
  }
  if (environment.tracing) {
    const int64_t written = bytes_of(outputs);
    const bool in_place = kind == CommandKind::accumulate || kind == CommandKind::update;
    auto entry = std::make_shared<TracedCommand>();
    entry->op = op;
    entry->bytes_read = bytes_of(inputs) + (in_place ? written : 0);
    entry->bytes_written = written;
    environment.trace.push_back(entry);
    body = traced(std::move(body), std::move(entry));
  }
  command.run = std::move(body);
  return command;
}

void Emitter::run(const std::vector<View>& inputs, const std::vector<View>& outputs,
                  std::function<void(Execution&)> body, CommandKind kind) {
  environment.enqueue(queue(), command(inputs, outputs, std::move(body), kind));
}

void Emitter::run_with_any_layout(const View& weight, const std::vector<View>& inputs,
                                  const std::vector<View>& outputs, std::function<void(Execution&)> body) {
  Command made = command(inputs, outputs, std::move(body), CommandKind::produce);
  made.any_layout = weight.storage;
  environment.enqueue(queue(), std::move(made));
}

View Emitter::contiguous(const View& v) {
  return v.contiguous() ? v : copy(v);
}

View Emitter::copy(const View& v) {
  View copy = make_like(v);
  run({v}, {copy}, [=](Execution& e) { on_device(e, [&](auto device) { copy_rows(device, copy, v); }); });
  return copy;
}

View Emitter::zeros(const Shape& shape) {
  View v = make(DType::f32, shape);
  run({}, {v}, [=](Execution& e) { on_device(e, [&](auto device) { fill_rows(device, v, 0.0f); }); });
  return v;
}

void Emitter::fill(const View& v, float value) {
  run(
      {}, {v}, [=](Execution& e) { on_device(e, [&](auto device) { fill_rows(device, v, value); }); },
      CommandKind::overwrite);
}

View Emitter::add(const View& a, const View& b) {
  View y = make_like(a);
  run({a, b}, {y}, [=](Execution& e) { on_device(e, [&](auto device) { add_rows(device, y, a, b); }); });
  return y;
}

View Emitter::ones_for(const View& loss) {
  View start = make(DType::f32, loss.shape);
  run({loss}, {start},
      [=](Execution& e) { on_device(e, [&](auto device) { fill_rows(device, start, 1.0f); }); });
  return start;
}

void Emitter::accumulate(const View& target, const View& v) {
  run(
      {v}, {target},
      [=](Execution& e) { on_device(e, [&](auto device) { add_rows(device, target, target, v); }); },
      CommandKind::accumulate);
}

void Emitter::copy_into(const View& target, const View& v) {
  run(
      {v}, {target}, [=](Execution& e) { on_device(e, [&](auto device) { copy_rows(device, target, v); }); },
      CommandKind::accumulate);
}

}  // namespace athanor
