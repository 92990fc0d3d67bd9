// Reverse-mode differentiation. A node says how the gradients of an op's outputs become those of its inputs;
// it knows no other op. The walk goes from the newest node to the oldest, each once, and puts the gradient
// ops on the queue. Nodes live on the JavaScript thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/emitter.h"
#include "core/tensor.h"

namespace athanor {

// Where the gradient of one input goes: a leaf, an output of another node, or nowhere.
struct Edge {
  TensorRef leaf;
  NodeRef node;
  int index = 0;
  bool needed() const { return leaf || node; }
};

// What a gradient function sees: the gradients of the outputs, and a place for those of the inputs.
class Backward : public Emitter {
 public:
  Backward(Environment& environment, const Node& node, std::vector<View> gradients);

  // Gradient of output i. Undefined if nothing depended on that output; the gradient of a node's only output
  // is always defined. May be a range of columns: call contiguous() where the kernel needs whole rows.
  const View& gradient(int output) const { return gradients_[output]; }
  // The same in whole rows, for code that may change it or runs commands that are not this gradient
  // function's: never the tensor that the caller of backward() gave.
  View private_gradient(int output);
  // Whether input i (in the order given to record) wants a gradient: never compute one that nobody needs.
  bool needs(int input) const;
  // Element type of input i's gradient where the op can choose: f32 for a leaf, so that a bf16 parameter
  // sums its gradients in fp32; `dtype`, that of the input, for anything else.
  DType gradient_dtype(int input, DType dtype) const;
  // Gradient of input i, in that input's shape. Not calling it means zero.
  void set(int input, View gradient);

  // The gradient that the leaf behind input i has already, or null. A gradient function that touches few rows
  // of a large table may add to it in place (CommandKind::accumulate) instead of calling set().
  const View* held_gradient(int input) const;

  // Says that somebody else may hold the results too: they are copied before anything is added to them.
  void share_results() { shared_ = true; }

  // ---- for the walk ----
  // The only node that sees the gradient given to backward(), which is read where it lies. Its commands
  // depend on the loss, and thereby all others.
  void start_from(const StorageRef& given, const StorageRef& loss) { given_ = given, depend_on(loss); }
  // What is handed on must be of this walk: a result that is the given gradient is copied.
  void copy_what_was_given();
  std::vector<View> take_results() { return std::move(results_); }
  // Whether result i is a whole storage that this gradient function made and handed to one input only.
  bool made_alone(const std::vector<View>& results, size_t i) const;

 private:
  const Node& node_;
  std::vector<View> gradients_;
  std::vector<View> results_;
  const uint64_t first_command_;  // the queue's last command before this function ran
  StorageRef given_;              // see start_from()
  bool shared_ = false;
};

using BackwardFunction = std::function<void(Backward&)>;

struct Saved {
  StorageRef storage;
  uint32_t version;
};

struct Node {
  uint64_t number = 0;  // creation order
  const char* op = "";
  uint64_t call = 0;
  QueueRef queue;
  std::vector<Edge> edges;
  std::vector<Shape> output_shapes;
  std::vector<Saved> saved;
  BackwardFunction backward;
  bool walked = false;

  ~Node();  // iterative, so that a long chain does not overflow the stack
};

// loss.backward(): `gradient` may be null for a scalar loss. Throws ERR_VERSION for a graph already walked or
// a saved tensor changed in place, ERR_SHAPE, ERR_ARGUMENT.
void run_backward(Environment& environment, const TensorRef& loss, const View* gradient, bool retain_graph);

// .grad of a leaf or of a part of a packed parameter: get (null if none), clear, replace.
TensorRef get_gradient(Environment& environment, const TensorRef& leaf);
void clear_gradients(Environment& environment, const std::vector<TensorRef>& leaves);
void set_gradient(Environment& environment, const TensorRef& leaf, const TensorRef& gradient);
// Frees or wants gradients; of a packed parameter, a base requires one while any part does.
void set_requires_grad(const TensorRef& leaf, bool value);

}  // namespace athanor
