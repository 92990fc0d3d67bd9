// One op call: its arguments by position (all numbers: handles, enums, sizes), its outputs, its gradient.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/emitter.h"
#include "core/tape.h"

namespace athanor {

class Call : public Emitter {
 public:
  Call(Environment& environment, const char* op, const double* arguments, int count);

  // ---- arguments; `name` is the JavaScript name, for messages ----
  int count() const { return count_; }
  TensorRef tensor(int position, const char* name);    // ERR_DISPOSED, ERR_ARGUMENT
  TensorRef optional(int position, const char* name);  // null when 0 was passed
  double number(int position, const char* name) const;
  int64_t integer(int position, const char* name) const;
  int64_t integer(int position, const char* name, int64_t least, int64_t most) const;  // ERR_ARGUMENT outside
  bool flag(int position, const char* name) const;
  uint64_t bits(int position, const char* name) const;  // two positions: low and high 32 bits
  template <class Enum>
  Enum choice(int position, const char* name, int32_t count) const {
    return static_cast<Enum>(integer(position, name, 0, count - 1));
  }

  // ---- checks: throw with "<op>: <name> must be <needed>, got <came>" ----
  [[noreturn]] void fail(ErrorCode code, const std::string& text) const;  // "<op>: <text>"
  void check_dtype(const TensorRef& t, const char* name, DType dtype) const;
  // f32, or bf16 where the tensor is on CUDA: what kernels are compiled for.
  void check_float(const TensorRef& t, const char* name) const;
  void check_shape(const TensorRef& t, const char* name, const Shape& shape) const;
  void check_rank(const TensorRef& t, const char* name, int least, int most) const;
  void check_same_shape(const TensorRef& a, const char* a_name, const TensorRef& b, const char* b_name) const;

  // For ops without tensor inputs: the queue (0: the standard device's default) to run on.
  void use_queue(int32_t id) { queue_ = environment.queue(id); }

  // The tensor's view, copied to whole rows if it is a range of columns.
  View rows_of(const TensorRef& t) { return contiguous(t->view); }

  // ---- results ----
  void result(const View& v);  // in output order
  // Whether a gradient will be asked for: any of the tensors (null allowed) requires one and recording is on.
  bool recording(std::initializer_list<TensorRef> inputs) const;
  bool recording(const std::vector<TensorRef>& inputs) const;
  // Records the node for all results so far. `inputs` in the order of Backward::needs/set; `saved`: every
  // view that backward captures (checked against in-place changes). Does nothing when !recording(inputs).
  void record(const std::vector<TensorRef>& inputs, const std::vector<View>& saved,
              BackwardFunction backward);

  std::vector<TensorRef>& results() { return results_; }

 private:
  void choose_queue(const TensorRef& t);

  const double* arguments_;
  const int count_;
  std::vector<TensorRef> results_;
};

}  // namespace athanor
