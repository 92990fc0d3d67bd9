#include "core/tape.h"

#include <map>
#include <unordered_map>

namespace athanor {

namespace {

// A gradient on its way. `owned`: made for this place alone, so that it may become a .grad or be added to.
struct Sum {
  View view;
  bool owned = false;
};

[[noreturn]] void fail(ErrorCode code, const Node& node, const char* text) {
  throw Error(code, std::string(node.op) + ": " + text);
}

class Walk {
 public:
  explicit Walk(Environment& environment) : environment_(environment) {}

  // `gradient` is only read: it belongs to whoever called backward().
  void start(const TensorRef& loss, const View& gradient) {
    root_ = loss->node;
    given_ = gradient.storage;
    loss_ = loss->view.storage;
    Pending& pending = pending_[root_->number];
    pending.node = root_;
    pending.sums.resize(root_->output_shapes.size());
    pending.sums[static_cast<size_t>(loss->output_index)] = {gradient, false};
  }

  void add(const Edge& edge, const View& gradient, bool owned, Emitter& emitter) {
    if (edge.leaf) {
      add_leaf(edge.leaf, gradient, owned, emitter);
      return;
    }
    if (!edge.node) return;
    if (edge.node->walked)
      fail(ErrorCode::version, *edge.node, "its graph was already walked; pass retainGraph to keep it");
    Pending& pending = pending_[edge.node->number];
    if (!pending.node) {
      pending.node = edge.node;
      pending.sums.resize(edge.node->output_shapes.size());
    }
    Sum& sum = pending.sums[static_cast<size_t>(edge.index)];
    if (!sum.view.defined()) {
      sum = {gradient, owned};
    } else if (sum.owned) {
      emitter.accumulate(sum.view, gradient);
    } else {
      sum = {emitter.add(sum.view, gradient), true};
    }
  }

  void run(bool retain_graph) {
    while (!pending_.empty()) {
      auto newest = std::prev(pending_.end());
      NodeRef node = newest->second.node;
      std::vector<Sum> sums = std::move(newest->second.sums);
      pending_.erase(newest);
      step(node, sums, retain_graph);
    }
  }

  // Checked before anything is enqueued, so that an error changes nothing.
  static void check(const NodeRef& root) {
    std::unordered_map<const Node*, bool> seen;
    std::vector<const Node*> stack{root.get()};
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      if (seen[node]) continue;
      seen[node] = true;
      if (node->walked)
        fail(ErrorCode::version, *node, "its graph was already walked; pass retainGraph to keep it");
      for (const Saved& saved : node->saved) {
        if (saved.storage->version != saved.version) {
          fail(ErrorCode::version, *node, "a tensor saved for backward was changed in place");
        }
      }
      for (const Edge& edge : node->edges) {
        if (edge.node) stack.push_back(edge.node.get());
      }
    }
  }

 private:
  struct Pending {
    NodeRef node;
    std::vector<Sum> sums;
  };

  void step(const NodeRef& node, std::vector<Sum>& sums, bool retain_graph) {
    std::vector<View> gradients;
    for (Sum& sum : sums) gradients.push_back(std::move(sum.view));
    Backward backward(environment_, *node, std::move(gradients));
    if (given_ && node == root_) backward.start_from(given_, loss_);
    // Marked first: a customFunction could walk this graph again from inside.
    BackwardFunction function = retain_graph ? node->backward : std::move(node->backward);
    node->walked = !retain_graph;
    function(backward);
    backward.copy_what_was_given();
    std::vector<View> results = backward.take_results();
    for (size_t i = 0; i < results.size(); i++) {
      if (results[i].defined()) add(node->edges[i], results[i], backward.made_alone(results, i), backward);
    }
    if (retain_graph) return;
    node->backward = nullptr;
    node->saved.clear();
    node->edges.clear();
  }

  void add_leaf(const TensorRef& leaf, const View& gradient, bool owned, Emitter& emitter) {
    if (leaf->base) {
      add_part(leaf, gradient, emitter);
      return;
    }
    if (!leaf->grad) {
      leaf->grad = std::make_shared<Tensor>();
      // Somebody else may hold the same elements; and a .grad is whole rows of f32.
      if (gradient.dtype != DType::f32) {
        leaf->grad->view = emitter.zeros(leaf->view.shape);
        emitter.accumulate(leaf->grad->view, gradient);
      } else if (owned && gradient.contiguous()) {
        leaf->grad->view = gradient;
      } else {
        leaf->grad->view = emitter.make(DType::f32, leaf->view.shape);
        emitter.copy_into(leaf->grad->view, gradient);
      }
    } else {
      emitter.accumulate(leaf->grad->view, gradient);
    }
    for (const auto& weak : leaf->parts) {
      if (TensorRef part = weak.lock()) part->part_cleared = false;
    }
  }

  void add_part(const TensorRef& part, const View& gradient, Emitter& emitter) {
    const TensorRef& base = part->base;
    if (!base->grad) {
      base->grad = std::make_shared<Tensor>();
      base->grad->view = emitter.zeros(base->view.shape);
    }
    View range = base->grad->view.row_range(part->row_begin, part->row_begin + part->view.shape[0]);
    emitter.accumulate(range, gradient);
    part->part_cleared = false;
  }

  Environment& environment_;
  std::map<uint64_t, Pending> pending_;
  NodeRef root_;
  StorageRef given_, loss_;  // where a gradient was given
};

}  // namespace

Backward::Backward(Environment& environment, const Node& node, std::vector<View> gradients)
    : Emitter(environment, node.op, node.call, node.queue),
      node_(node),
      gradients_(std::move(gradients)),
      first_command_(node.queue->enqueued) {
  results_.resize(node.edges.size());
}

DType Backward::gradient_dtype(int input, DType dtype) const {
  return node_.edges[static_cast<size_t>(input)].leaf ? DType::f32 : dtype;
}

bool Backward::needs(int input) const {
  return node_.edges[static_cast<size_t>(input)].needed();
}

void Backward::set(int input, View gradient) {
  results_[static_cast<size_t>(input)] = std::move(gradient);
}

View Backward::private_gradient(int output) {
  const View& v = gradients_[static_cast<size_t>(output)];
  return given_ && v.storage == given_ ? copy(v) : contiguous(v);
}

void Backward::copy_what_was_given() {
  if (!given_) return;
  std::vector<View> views, copies;  // add() hands on one view twice: one copy serves both
  for (View& result : results_) {
    if (result.storage != given_) continue;
    size_t i = 0;
    while (i < views.size() && !(views[i].offset == result.offset && views[i].shape == result.shape &&
                                 views[i].row_stride == result.row_stride)) {
      i++;
    }
    if (i == views.size()) {
      views.push_back(result);
      copies.push_back(copy(result));
    }
    result = copies[i];
  }
}

const View* Backward::held_gradient(int input) const {
  const TensorRef& leaf = node_.edges[static_cast<size_t>(input)].leaf;
  // Parts keep accounts of their own of what was cleared.
  if (!leaf || leaf->base || !leaf->parts.empty() || !leaf->grad) return nullptr;
  return &leaf->grad->view;
}

bool Backward::made_alone(const std::vector<View>& results, size_t i) const {
  if (shared_) return false;
  const StorageRef& storage = results[i].storage;
  for (const View& incoming : gradients_) {
    if (incoming.storage == storage) return false;
  }
  for (size_t j = 0; j < results.size(); j++) {
    if (j != i && results[j].storage == storage) return false;
  }
  if (static_cast<int64_t>(storage->bytes) !=
      results[i].count() * static_cast<int64_t>(dtype_size(results[i].dtype))) {
    return false;
  }
  // Made during this gradient function: views of anything older (a saved tensor) are somebody else's.
  return storage->last_write.queue == node_.queue && storage->last_write.sequence > first_command_;
}

Node::~Node() {
  std::vector<NodeRef> chain;
  // All of them, also those that others hold: two edges of one node may lead to the same (add(x, x)), and
  // then only the second is the last.
  auto take = [&chain](std::vector<Edge>& edges) {
    for (Edge& edge : edges) {
      if (edge.node) chain.push_back(std::move(edge.node));
    }
    edges.clear();
  };
  take(edges);
  while (!chain.empty()) {
    NodeRef node = std::move(chain.back());
    chain.pop_back();
    if (node.use_count() == 1) take(node->edges);
  }
}

void run_backward(Environment& environment, const TensorRef& loss, const View* gradient, bool retain_graph) {
  if (!loss->requires_grad) {
    throw Error(ErrorCode::argument,
                "backward: the tensor must require a gradient, or be made from one that does");
  }
  if (!gradient && loss->view.count() != 1) {
    throw Error(ErrorCode::shape, "backward: a gradient is needed for a tensor of shape " +
                                      loss->view.shape.text() + "; without one it must have one element");
  }
  if (gradient && gradient->shape != loss->view.shape) {
    throw Error(ErrorCode::shape,
                "backward: gradient must be " + loss->view.shape.text() + ", got " + gradient->shape.text());
  }
  if (gradient && gradient->dtype != loss->view.dtype) {
    throw Error(ErrorCode::dtype, std::string("backward: gradient must be ") + dtype_name(loss->view.dtype) +
                                      ", got " + dtype_name(gradient->dtype));
  }
  if (gradient && &gradient->storage->device != &loss->view.storage->device) {
    throw Error(ErrorCode::device, "backward: gradient must be on " + loss->view.storage->device.name() +
                                       ", got one on " + gradient->storage->device.name());
  }
  environment.require_room("backward");
  if (loss->node) Walk::check(loss->node);
  uint64_t call = loss->node ? loss->node->call : environment.calls;
  Emitter emitter(environment, "backward", call, loss->node ? loss->node->queue : loss->view.storage->home);
  // The start depends on the loss, so that a failed forward marks every gradient, also where no gradient
  // function reads what failed.
  Walk walk(environment);
  if (gradient && loss->node) {
    walk.start(loss, *gradient);
  } else {
    Edge root;
    if (loss->node) {
      root.node = loss->node;
      root.index = loss->output_index;
    } else {
      root.leaf = loss;
    }
    emitter.depend_on(loss->view.storage);
    const bool alone = gradient == nullptr;
    walk.add(root, alone ? emitter.ones_for(loss->view) : *gradient, alone, emitter);
  }
  walk.run(retain_graph);
}

TensorRef get_gradient(Environment&, const TensorRef& leaf) {
  if (!leaf->base) return leaf->grad;
  if (!leaf->base->grad || leaf->part_cleared || !leaf->requires_grad) return nullptr;
  auto part = std::make_shared<Tensor>();
  part->view = leaf->base->grad->view.row_range(leaf->row_begin, leaf->row_begin + leaf->view.shape[0]);
  return part;
}

// A packed gradient goes when its last part does; until then the cleared parts start again from zero.
void clear_gradients(Environment& environment, const std::vector<TensorRef>& leaves) {
  for (const TensorRef& leaf : leaves) {
    if (leaf->base) {
      leaf->part_cleared = true;
      continue;
    }
    leaf->grad = nullptr;
    for (const auto& weak : leaf->parts) {
      if (TensorRef part = weak.lock()) part->part_cleared = true;
    }
  }
  for (const TensorRef& leaf : leaves) {
    if (!leaf->base || !leaf->base->grad) continue;
    const TensorRef& base = leaf->base;
    bool all_cleared = true;
    for (const auto& weak : base->parts) {
      TensorRef part = weak.lock();
      if (part && !part->part_cleared && part->requires_grad) all_cleared = false;
    }
    if (all_cleared) {
      base->grad = nullptr;
      continue;
    }
    Emitter emitter(environment, "zero_grad", environment.calls, base->view.storage->home);
    emitter.fill(base->grad->view.row_range(leaf->row_begin, leaf->row_begin + leaf->view.shape[0]), 0.0f);
  }
}

void set_gradient(Environment& environment, const TensorRef& leaf, const TensorRef& gradient) {
  if (!gradient) {
    clear_gradients(environment, {leaf});
    return;
  }
  if (gradient->view.shape != leaf->view.shape || gradient->view.dtype != DType::f32) {
    throw Error(ErrorCode::shape, "grad: must be " + leaf->view.shape.text() + " f32, got " +
                                      gradient->view.shape.text() + " " + dtype_name(gradient->view.dtype));
  }
  Emitter emitter(environment, "grad", environment.calls, leaf->view.storage->home);
  View target;
  if (leaf->base) {
    if (!leaf->base->grad) {
      leaf->base->grad = std::make_shared<Tensor>();
      leaf->base->grad->view = emitter.zeros(leaf->base->view.shape);
    }
    target = leaf->base->grad->view.row_range(leaf->row_begin, leaf->row_begin + leaf->view.shape[0]);
    leaf->part_cleared = false;
  } else {
    leaf->grad = std::make_shared<Tensor>();
    leaf->grad->view = target = emitter.make(DType::f32, leaf->view.shape);
    for (const auto& weak : leaf->parts) {
      if (TensorRef part = weak.lock()) part->part_cleared = false;
    }
  }
  emitter.copy_into(target, gradient->view);
}

void set_requires_grad(const TensorRef& leaf, bool value) {
  if (leaf->node) {
    throw Error(ErrorCode::argument,
                "requiresGrad: can only be set on a leaf, not on the result of an op; use detach()");
  }
  const DType dtype = leaf->view.dtype;
  const bool on_cuda = leaf->view.storage->device.kind() == DeviceKind::cuda;
  if (value && dtype != DType::f32 && !(dtype == DType::bf16 && on_cuda)) {
    throw Error(ErrorCode::dtype,
                std::string("requiresGrad: gradients need f32, or bf16 on CUDA, got ") + dtype_name(dtype));
  }
  bool thawed = value && !leaf->requires_grad;
  leaf->requires_grad = value;
  for (const auto& weak : leaf->parts) {
    if (TensorRef part = weak.lock()) part->requires_grad = value;
  }
  if (leaf->base) {
    // While the part was frozen its rows of a packed gradient were written like the others.
    if (thawed && leaf->base->grad) clear_gradients(*leaf->view.storage->home->environment, {leaf});
    bool any = false;
    for (const auto& weak : leaf->base->parts) {
      TensorRef part = weak.lock();
      if (part && part->requires_grad) any = true;
    }
    leaf->base->requires_grad = any;
  }
}

}  // namespace athanor
