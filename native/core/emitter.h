// What op fronts and gradient functions share: making outputs and putting commands on a queue.
#pragma once

#include <functional>
#include <vector>

#include "core/environment.h"
#include "core/tensor.h"

namespace athanor {

class Emitter {
 public:
  Emitter(Environment& environment, const char* op, uint64_t call, QueueRef queue)
      : environment(environment), op(op), call(call), queue_(std::move(queue)) {}

  Environment& environment;
  const char* const op;  // name for messages
  const uint64_t call;   // number of the op call, for the JavaScript stack

  // A new contiguous tensor on the device of the queue. Nothing is allocated until its command runs.
  View make(DType dtype, const Shape& shape);
  View make_like(const View& v) { return make(v.dtype, v.shape); }

  // Puts a command on the queue. `body` runs on the device's executor, when all inputs and outputs have
  // memory; it must capture views (and plain values), never tensors. Undefined views are passed over.
  // What body throws (Error: say ERR_DATA with op name, needed and got) marks the outputs.
  void run(const std::vector<View>& inputs, const std::vector<View>& outputs,
           std::function<void(Execution&)> body, CommandKind kind = CommandKind::produce);
  // The same, where body takes `weight`, one of the inputs, in whatever layout it lies.
  void run_with_any_layout(const View& weight, const std::vector<View>& inputs,
                           const std::vector<View>& outputs, std::function<void(Execution&)> body);

  View contiguous(const View& v);                      // v itself, or a copy in whole rows
  View zeros(const Shape& shape);                      // f32
  void fill(const View& v, float value);               // in place (overwrite); f32
  View add(const View& a, const View& b);              // a new tensor; f32, same shape
  View copy(const View& v);                            // a new tensor
  void accumulate(const View& target, const View& v);  // target += v
  View ones_for(const View& loss);  // what backward() starts from: 1 in loss's shape; marked when `loss` is
  void copy_into(const View& target, const View& v);  // target = v, same shape and dtype

  // All commands from now on read this too, so that they are marked when it is.
  void depend_on(const StorageRef& storage) { depends_on_ = storage; }

  const QueueRef& queue();

 protected:
  QueueRef queue_;

 private:
  StorageRef depends_on_;

  Command command(const std::vector<View>& inputs, const std::vector<View>& outputs,
                  std::function<void(Execution&)> body, CommandKind kind);
};

}  // namespace athanor
