// What the optimizers share: reading the parameter list, the gradient norm, and the update commands.
#include "ops/optimizer/optimizer.h"

#include <algorithm>
#include <memory>

namespace athanor {

namespace {

// Norm and update of 110 million parameters take 74 ms on two cores; in slices of 4 million a request of
// another model does not wait for all of it. A multiple of the pieces that the CPU cuts.
constexpr int64_t slice_size = int64_t{1} << 22;

std::vector<OptimizerSlot> slots_of(const std::vector<OptimizerEntry>& entries) {
  std::vector<OptimizerSlot> slots;
  slots.reserve(entries.size());
  for (const OptimizerEntry& e : entries) {
    slots.push_back({e.p.data<float>(), e.g.data<float>(), e.m.data<float>(), e.v.data<float>(),
                     e.mean.data<float>(), e.rounded.data<bf16>(), e.p.count(), e.learning_rate,
                     e.weight_decay, e.first});
  }
  return slots;
}

// Elements [begin, end) of a contiguous view, as one row.
View flat_range(const View& v, int64_t begin, int64_t end) {
  return v.defined() ? v.reshaped({v.count()}).row_range(begin, end) : v;
}

// The entries cut into commands of at most slice_size elements each; on a GPU, where streams run side by side
// and a launch for all is fastest, into one.
std::vector<std::vector<OptimizerEntry>> slices_of(const std::vector<OptimizerEntry>& entries) {
  if (!entries.empty() && entries[0].p.storage->device.kind() == DeviceKind::cuda) return {entries};
  std::vector<std::vector<OptimizerEntry>> slices;
  int64_t room = 0;
  for (const OptimizerEntry& e : entries) {
    for (int64_t begin = 0; begin < e.p.count();) {
      if (room == 0) {
        slices.emplace_back();
        room = slice_size;
      }
      int64_t end = std::min(e.p.count(), begin + room);
      OptimizerEntry part = e;
      for (View* v : {&part.p, &part.g, &part.m, &part.v, &part.mean, &part.rounded})
        *v = flat_range(*v, begin, end);
      slices.back().push_back(std::move(part));
      room -= end - begin;
      begin = end;
    }
  }
  return slices;
}

// What depends on v and reads none of its elements.
View dependency(View v) {
  v.shape = Shape{0};
  return v;
}

// Enqueues the update of one slice, which also reads `read` and writes to `extra`.
template <class Body>
void run_slice(Call& c, std::vector<OptimizerEntry> slice, std::vector<View> read, const View& extra,
               const Body& body) {
  auto part = std::make_shared<const std::vector<OptimizerEntry>>(std::move(slice));
  std::vector<View> written{extra};
  for (const OptimizerEntry& e : *part) {
    read.push_back(e.g);
    written.insert(written.end(), {e.p, e.m, e.v, e.mean, e.rounded});
  }
  c.run(
      read, written, [=](Execution& e) { body(e, slots_of(*part)); }, CommandKind::update);
}

}  // namespace

void OptimizerCall::check_place(const TensorRef& p, const std::string& name) {
  if (!p->leaf()) c_.fail(ErrorCode::argument, name + " must be a leaf, got the result of an op");
  if (!p->view.contiguous())
    c_.fail(ErrorCode::argument, name + " must be whole rows, got a range of columns");
  if (p->view.count() > 0) written_.emplace_back(p->view.storage.get(), p->view.offset);
}

// f32 of the parameter's shape: moments, buffers, master weights.
View OptimizerCall::state(int position, const std::string& name, const TensorRef& parameter) {
  TensorRef t = c_.tensor(position, name.c_str());
  c_.check_dtype(t, name.c_str(), DType::f32);
  c_.check_shape(t, name.c_str(), parameter->shape());
  check_place(t, name);
  return t->view;
}

// Undefined for an f32 parameter.
View OptimizerCall::master(int position, int index, const TensorRef& parameter) {
  const std::string at = "[" + std::to_string(index) + "]", name = "master" + at;
  const bool given = c_.optional(position, name.c_str()) != nullptr;
  const bool needed = parameter->view.dtype == DType::bf16;
  if (given != needed) {
    c_.fail(ErrorCode::argument, name + " must be given for a bf16 parameter and for no other, got " +
                                     (given ? "one" : "none") + " for " + dtype_name(parameter->view.dtype) +
                                     " parameters" + at);
  }
  return needed ? state(position, name, parameter) : View();
}

void OptimizerCall::read(int position, int index, bool first) {
  const std::string at = "[" + std::to_string(index) + "]", name = "parameters" + at;
  TensorRef p = c_.tensor(position, name.c_str());
  c_.check_float(p, name.c_str());
  check_place(p, name);
  OptimizerEntry entry{p->view, View(), View(), View(), View(), View(), 0, 0, first};
  for (const OptimizerState& wanted : states_) {
    position++;
    if (wanted.wanted) entry.*wanted.place = state(position, wanted.name + at, p);
  }
  if (View weights = master(position + 1, index, p); weights.defined()) {
    entry.rounded = entry.p;
    entry.p = weights;
  }
  entry.learning_rate = static_cast<float>(c_.number(position + 2, ("lr" + at).c_str()));
  entry.weight_decay = static_cast<float>(c_.number(position + 3, ("weightDecay" + at).c_str()));
  if (p->view.count() == 0) return;
  TensorRef gradient = get_gradient(c_.environment, p);
  if (!gradient) return;
  c_.check_dtype(gradient, ("the gradient of " + name).c_str(), DType::f32);
  entry.g = c_.rows_of(gradient);
  entries_.push_back(std::move(entry));
}

void OptimizerCall::finish(int position, const Update& update) {
  const float max_norm = not_negative(c_, position, "maxNorm");
  const bool skip = c_.flag(position + 1, "skipNotFinite");
  std::sort(written_.begin(), written_.end());
  if (std::adjacent_find(written_.begin(), written_.end()) != written_.end()) {
    c_.fail(ErrorCode::argument, "parameters and their states must be different tensors, got one twice");
  }
  std::vector<View> all;
  for (const OptimizerEntry& e : entries_) {
    for (const View& v : {e.p, e.g, e.m, e.v, e.mean, e.rounded}) all.push_back(dependency(v));
  }
  View norm = c_.make(DType::f32, Shape{});
  c_.result(norm);
  if (max_norm > 0 || skip) {
    update_with_norm(Clipping{max_norm, nullptr, nullptr, skip}, norm, all, update);
  } else {
    update_and_norm(norm, all, update);
  }
}

void OptimizerCall::update_with_norm(const Clipping& clipping, const View& norm, const std::vector<View>& all,
                                     const Update& update) {
  auto entries = std::make_shared<const std::vector<OptimizerEntry>>(entries_);
  // Depends on everything, so that a mark on any gradient or state marks the norm, and with it skips every
  // slice.
  std::vector<View> read = all;
  for (const OptimizerEntry& e : entries_) read.push_back(e.g);
  c_.run(read, {norm}, [=](Execution& e) {
    GradientNorm a{slots_of(*entries), norm.data<float>()};
    on_device(e, [&](auto device) { gradient_norm(device, a); });
  });
  for (std::vector<OptimizerEntry>& slice : slices_of(*entries)) {
    run_slice(c_, std::move(slice), {norm}, View(), [=](Execution& e, std::vector<OptimizerSlot> slots) {
      Clipping known = clipping;
      known.norm = norm.data<float>();
      update(e, std::move(slots), known);
    });
  }
}

void OptimizerCall::update_and_norm(const View& norm, const std::vector<View>& all, const Update& update) {
  std::vector<std::vector<OptimizerEntry>> slices = slices_of(entries_);
  const int64_t count = static_cast<int64_t>(slices.size());
  View squares = c_.make(DType::u8, {count * static_cast<int64_t>(sizeof(double))});
  // Does nothing but depend on everything: a mark on any gradient or state marks `whole`, which skips every
  // slice and marks the norm.
  View whole = c_.make(DType::u8, {1});
  c_.run(all, {whole}, [](Execution&) {});
  for (int64_t i = 0; i < count; i++) {
    run_slice(c_, std::move(slices[static_cast<size_t>(i)]), {whole}, squares,
              [=](Execution& e, std::vector<OptimizerSlot> slots) {
                update(e, std::move(slots), Clipping{0, nullptr, squares.data<double>() + i, false});
              });
  }
  c_.run({whole, squares}, {norm}, [=](Execution& e) {
    NormOfSquares a{squares.data<double>(), count, norm.data<float>()};
    on_device(e, [&](auto device) { norm_of_squares(device, a); });
  });
}

float unit_interval(const Call& c, int position, const char* name) {
  double value = c.number(position, name);
  if (!(value >= 0 && value < 1)) {
    c.fail(ErrorCode::argument,
           std::string(name) + " must be at least 0 and below 1, got " + std::to_string(value));
  }
  return static_cast<float>(value);
}

float not_negative(const Call& c, int position, const char* name) {
  double value = c.number(position, name);
  if (!(value >= 0)) {
    c.fail(ErrorCode::argument, std::string(name) + " must not be negative, got " + std::to_string(value));
  }
  return static_cast<float>(value);
}

}  // namespace athanor
