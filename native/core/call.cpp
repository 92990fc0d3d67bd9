#include "core/call.h"

#include <cmath>

namespace athanor {

namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "not a number";
  if (value == std::floor(value) && std::fabs(value) < 1e15)
    return std::to_string(static_cast<long long>(value));
  return std::to_string(value);
}

}  // namespace

Call::Call(Environment& environment, const char* op, const double* arguments, int count)
    : Emitter(environment, op, environment.calls, nullptr), arguments_(arguments), count_(count) {
  environment.require_room(op);
}

void Call::fail(ErrorCode code, const std::string& text) const {
  throw Error(code, std::string(op) + ": " + text);
}

TensorRef Call::tensor(int position, const char* name) {
  if (position >= count_) fail(ErrorCode::argument, std::string(name) + " is missing");
  TensorRef t = environment.tensor(arguments_[position], op, name);
  choose_queue(t);
  return t;
}

TensorRef Call::optional(int position, const char* name) {
  if (position >= count_ || arguments_[position] == 0) return nullptr;
  return tensor(position, name);
}

// An op runs on the queue of its parameters, or of its inputs: the first tensor of a model's queue decides.
void Call::choose_queue(const TensorRef& t) {
  const QueueRef& home = t->view.storage->home;
  if (!queue_ || (queue_->id == 0 && home->id != 0)) queue_ = home;
}

double Call::number(int position, const char* name) const {
  if (position >= count_) fail(ErrorCode::argument, std::string(name) + " is missing");
  return arguments_[position];
}

int64_t Call::integer(int position, const char* name) const {
  double value = number(position, name);
  if (!(value == std::floor(value)) || std::fabs(value) > 9007199254740991.0) {
    fail(ErrorCode::argument, std::string(name) + " must be an integer, got " + number_text(value));
  }
  return static_cast<int64_t>(value);
}

int64_t Call::integer(int position, const char* name, int64_t least, int64_t most) const {
  int64_t value = integer(position, name);
  if (value < least || value > most) {
    fail(ErrorCode::argument, std::string(name) + " must be " + std::to_string(least) + " to " +
                                  std::to_string(most) + ", got " + std::to_string(value));
  }
  return value;
}

bool Call::flag(int position, const char* name) const {
  return number(position, name) != 0;
}

uint64_t Call::bits(int position, const char* name) const {
  uint64_t low = static_cast<uint64_t>(integer(position, name, 0, 4294967295));
  uint64_t high = static_cast<uint64_t>(integer(position + 1, name, 0, 4294967295));
  return high << 32 | low;
}

void Call::check_dtype(const TensorRef& t, const char* name, DType dtype) const {
  if (t->view.dtype != dtype) {
    fail(ErrorCode::dtype,
         std::string(name) + " must be " + dtype_name(dtype) + ", got " + dtype_name(t->view.dtype));
  }
}

void Call::check_float(const TensorRef& t, const char* name) const {
  if (t->view.dtype == DType::bf16 && t->view.storage->device.kind() == DeviceKind::cuda) return;
  check_dtype(t, name, DType::f32);
}

void Call::check_shape(const TensorRef& t, const char* name, const Shape& shape) const {
  if (t->view.shape != shape) {
    fail(ErrorCode::shape, std::string(name) + " must be " + shape.text() + ", got " + t->view.shape.text());
  }
}

void Call::check_rank(const TensorRef& t, const char* name, int least, int most) const {
  int rank = t->view.shape.rank;
  if (rank >= least && rank <= most) return;
  std::string wanted = std::to_string(least);
  if (most != least) wanted += " to " + std::to_string(most);
  fail(ErrorCode::shape,
       std::string(name) + " must have " + wanted + " dimensions, got shape " + t->view.shape.text());
}

void Call::check_same_shape(const TensorRef& a, const char* a_name, const TensorRef& b,
                            const char* b_name) const {
  if (a->view.shape != b->view.shape) {
    fail(ErrorCode::shape, std::string(b_name) + " must have the shape of " + a_name + " " +
                               a->view.shape.text() + ", got " + b->view.shape.text());
  }
}

void Call::result(const View& v) {
  auto t = std::make_shared<Tensor>();
  t->view = v;
  results_.push_back(std::move(t));
}

bool Call::recording(const std::vector<TensorRef>& inputs) const {
  if (!environment.grad_enabled) return false;
  for (const TensorRef& t : inputs) {
    if (t && t->requires_grad) return true;
  }
  return false;
}

bool Call::recording(std::initializer_list<TensorRef> inputs) const {
  return recording(std::vector<TensorRef>(inputs));
}

void Call::record(const std::vector<TensorRef>& inputs, const std::vector<View>& saved,
                  BackwardFunction backward) {
  if (!recording(inputs)) return;
  auto node = std::make_shared<Node>();
  node->number = ++environment.nodes;
  node->op = op;
  node->call = call;
  node->queue = queue();
  node->edges.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); i++) {
    const TensorRef& t = inputs[i];
    if (!t || !t->requires_grad) continue;
    if (t->node) {
      node->edges[i].node = t->node;
      node->edges[i].index = t->output_index;
    } else {
      node->edges[i].leaf = t;
    }
  }
  for (const View& v : saved) {
    if (v.defined()) node->saved.push_back({v.storage, v.storage->version});
  }
  node->backward = std::move(backward);
  for (size_t i = 0; i < results_.size(); i++) {
    node->output_shapes.push_back(results_[i]->view.shape);
    if (results_[i]->view.dtype != DType::f32 && results_[i]->view.dtype != DType::bf16) continue;
    results_[i]->requires_grad = true;
    results_[i]->node = node;
    results_[i]->output_index = static_cast<int>(i);
  }
}

}  // namespace athanor
