// linear_cross_entropy on the device against the CPU's.
#include <algorithm>

#include "cuda/check/row_cases.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace athanor {
namespace {

struct EntropyCase {
  int64_t rows, width, classes;
  float smoothing = 0.0f, scale = 1.0f;
  bool bias = true, some_ignored = true, labels_on_host = true;
  int64_t more_stride = 0;
  int64_t block_columns = 0;  // 0: one block
  int64_t kept_floats = 0;
  DType parameters = DType::f32;
};

std::string text(const EntropyCase& c, Reduction reduction) {
  return " of (" + std::to_string(c.rows) + ", " + std::to_string(c.width) + "), " +
         std::to_string(c.classes) + " classes, reduction " + std::to_string(static_cast<int>(reduction));
}

// Every third label is ignored; the first and the last class are always among them.
std::vector<int32_t> some_labels(KernelCheck& check, const EntropyCase& c) {
  std::vector<int32_t> labels =
      check.random.integers(static_cast<size_t>(c.rows), 0, static_cast<int32_t>(c.classes - 1));
  for (size_t i = 0; i < labels.size(); i++) {
    if (c.some_ignored && i % 3 == 0) labels[i] = -100;
    if (i == 1) labels[i] = static_cast<int32_t>(c.classes - 1);
    if (i == 2) labels[i] = 0;
  }
  return labels;
}

template <class T>
struct EntropyInputs {
  EntropyInputs(KernelCheck& check, const EntropyCase& c)
      : x(check, c.rows, c.width, c.width + c.more_stride),
        weight(check, c.classes, c.width),
        bias(check, 1, c.classes),
        labels(some_labels(check, c)),
        device_labels(labels),
        kept(static_cast<size_t>(c.kept_floats)) {}

  template <class U>
  LinearCrossEntropyInput<U> sizes(const EntropyCase& c, Reduction reduction) const {
    LinearCrossEntropyInput<U> in{};
    in.x_stride = x.stride;
    in.rows = c.rows, in.width = c.width, in.classes = c.classes;
    in.scale = c.scale, in.options = {-100, c.smoothing, reduction};
    return in;
  }
  LinearCrossEntropyInput<T> on_device(const EntropyCase& c, Reduction reduction) const {
    LinearCrossEntropyInput<T> in = sizes<T>(c, reduction);
    in.x = x.data(), in.weight = weight.data(), in.bias = c.bias ? bias.data() : nullptr;
    in.labels = {device_labels.data(), c.labels_on_host ? labels.data() : nullptr};
    in.kept = c.kept_floats ? kept.data() : nullptr, in.kept_floats = c.kept_floats;
    in.block_columns = c.block_columns;
    return in;
  }
  // `room` serves as the CPU's workspace.
  LinearCrossEntropyInput<float> on_host(const EntropyCase& c, Reduction reduction,
                                         std::vector<float>& room) const {
    LinearCrossEntropyInput<float> in = sizes<float>(c, reduction);
    room.resize(static_cast<size_t>(c.rows * (c.width + c.classes)));
    in.x = x.host.data(), in.weight = weight.host.data(), in.bias = c.bias ? bias.host.data() : nullptr;
    in.labels = {labels.data(), labels.data()};
    in.gathered = room.data(), in.logits = room.data() + c.rows * c.width;
    return in;
  }

  const RowsOnBoth<T> x, weight, bias;
  const std::vector<int32_t> labels;
  const DeviceArray<int32_t> device_labels;
  const DeviceArray<float> kept;
};

// Of sums over elements of dz, of which the largest is about `factor`: what cancels is rounded at that size,
// and in bf16 dz is rounded before it is multiplied.
template <class T>
Tolerance of_sums(const std::vector<float>& wanted, double factor) {
  double largest = factor;
  for (float v : wanted) largest = std::fmax(largest, std::fabs(static_cast<double>(v)));
  const Tolerance each = rounding<T>(3e-6);
  return {each.relative * largest, each.relative};
}

template <class T, class G>
void check_backward(KernelCheck& check, const EntropyCase& c, const EntropyInputs<T>& in, Reduction reduction,
                    const DeviceArray<float>& device_statistics, const std::vector<float>& statistics) {
  const size_t n = static_cast<size_t>(c.rows * c.width), classes = static_cast<size_t>(c.classes);
  const size_t losses = reduction == Reduction::none ? static_cast<size_t>(c.rows) : 1;
  const RowsOnBoth<float> dloss(check.random.floats(losses, 0.5f, 2), static_cast<int64_t>(losses));
  const DeviceArray<T> dx(n);
  const DeviceArray<G> dweight(classes * static_cast<size_t>(c.width)), dbias(classes);
  LinearCrossEntropyBackward<T> a{};
  a.in = in.on_device(c, reduction);
  a.statistics = device_statistics.data(), a.dloss = dloss.data();
  a.dx = dx.data(), a.dweight = {dweight.data(), c.parameters}, a.dbias = {dbias.data(), c.parameters};
  linear_cross_entropy_backward(check.cuda, a);

  std::vector<float> room, dgathered(n), wanted(n), wanted_weight(dweight.size()), wanted_bias(classes);
  LinearCrossEntropyBackward<float> w{};
  w.in = in.on_host(c, reduction, room);
  w.statistics = statistics.data(), w.dloss = dloss.host.data();
  w.dx = wanted.data(), w.dgathered = dgathered.data();
  w.dweight = {wanted_weight.data(), DType::f32}, w.dbias = {wanted_bias.data(), DType::f32};
  linear_cross_entropy_backward(Cpu{}, w);
  const std::string of = text(c, reduction);
  const double factor = reduction == Reduction::mean ? 4.0 / std::max(1.0, static_cast<double>(c.rows)) : 4.0;
  check.close("dx" + of, dx.floats(), wanted, of_sums<T>(wanted, factor));
  check.close("dweight" + of, dweight.floats(), wanted_weight, of_sums<T>(wanted_weight, factor));
  check.close("dbias" + of, dbias.floats(), wanted_bias, of_sums<T>(wanted_bias, factor));
}

template <class T>
void check_reduction(KernelCheck& check, const EntropyCase& c, const EntropyInputs<T>& in,
                     Reduction reduction) {
  const size_t losses = reduction == Reduction::none ? static_cast<size_t>(c.rows) : 1;
  const DeviceArray<float> loss(losses), statistics(2 * static_cast<size_t>(c.rows));
  linear_cross_entropy_forward(
      check.cuda, LinearCrossEntropyForward<T>{in.on_device(c, reduction), loss.data(), statistics.data()});
  std::vector<float> room, wanted(losses), wanted_statistics(statistics.size());
  linear_cross_entropy_forward(Cpu{},
                               LinearCrossEntropyForward<float>{in.on_host(c, reduction, room), wanted.data(),
                                                                wanted_statistics.data()});
  check.close("loss" + text(c, reduction), loss.floats(), wanted, {3e-6, 3e-6});
  // There are statistics of the rows that count.
  const auto ignored = std::count(in.labels.begin(), in.labels.end(), -100);
  std::vector<float> got = statistics.floats(), counted = wanted_statistics;
  got.resize(got.size() - 2 * static_cast<size_t>(ignored)), counted.resize(got.size());
  check.close("statistics" + text(c, reduction), got, counted, {1e-6, 5e-6});
  if (c.parameters == DType::f32) {
    check_backward<T, float>(check, c, in, reduction, statistics, wanted_statistics);
  } else {
    check_backward<T, bf16>(check, c, in, reduction, statistics, wanted_statistics);
  }
}

template <class T>
void check_all(KernelCheck& check, const EntropyCase& c) {
  const EntropyInputs<T> in(check, c);
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_reduction<T>(check, c, in, reduction);
  }
}

EntropyCase in_blocks(EntropyCase c, int64_t columns, int64_t kept = 0) {
  c.block_columns = columns, c.kept_floats = kept;
  return c;
}

KERNEL_CHECK(linear_cross_entropy, "any number of classes in one block and in several") {
  for (int64_t classes : {1, 2, 7, 8, 9, 127, 128, 129, 300}) {
    check_all<float>(check, {7, 20, classes});
    check_all<float>(check, in_blocks({7, 20, classes}, 128));
    check_all<bf16>(check, in_blocks({7, 24, classes}, 128));
  }
  check_all<float>(check, {5, 8, 1100});
  check_all<bf16>(check, {5, 8, 1100});
}

KERNEL_CHECK(linear_cross_entropy, "logits kept, all, some and none") {
  // 6 rows count: 128 columns are 768 logits.
  for (int64_t kept : {767, 768, 1535, 1536, 6 * 264 - 1, 6 * 264}) {
    EntropyCase c = in_blocks({9, 12, 260}, 128, kept);
    c.parameters = DType::bf16;
    check_all<bf16>(check, c);
    c.parameters = DType::f32;
    check_all<float>(check, c);
  }
}

KERNEL_CHECK(linear_cross_entropy, "smoothing, scale, without bias, rows apart, labels on the device alone") {
  for (int64_t classes : {70, 1040}) {
    EntropyCase c = in_blocks({10, 20, classes, 0.1f, 0.3f, false, true, false, 3}, 64);
    check_all<float>(check, c);
    c.scale = 0.5f;
    check_all<bf16>(check, c);
    c.bias = true, c.some_ignored = false, c.block_columns = 0;
    check_all<float>(check, c);
    c.scale = 1, c.labels_on_host = true;
    check_all<bf16>(check, c);
  }
}

KERNEL_CHECK(linear_cross_entropy, "one row, no row, none that counts") {
  for (int64_t rows : {0, 1, 2, 4, 5}) check_all<float>(check, in_blocks({rows, 8, 30}, 16));
  EntropyCase c{1, 8, 30};
  c.some_ignored = true;  // the only label is ignored
  check_all<bf16>(check, c);
  EntropyCase all{1, 8, 30};
  all.some_ignored = false;
  check_all<bf16>(check, all);
}

// The maximum comes in the last block, or in the first.
KERNEL_CHECK(linear_cross_entropy, "logits that rise and fall from block to block") {
  for (float slope : {1.0f, -1.0f}) {
    EntropyCase c = in_blocks({4, 8, 160, 0.1f}, 32);
    c.some_ignored = false;
    EntropyInputs<float> in(check, c);
    std::vector<float> steep(160);
    for (size_t i = 0; i < steep.size(); i++) steep[i] = slope * static_cast<float>(i);
    LinearCrossEntropyInput<float> a = in.on_device(c, Reduction::none);
    const DeviceArray<float> bias(steep), loss(4);
    a.bias = bias.data();
    linear_cross_entropy_forward(check.cuda, LinearCrossEntropyForward<float>{a, loss.data(), nullptr});
    std::vector<float> room, wanted(4);
    LinearCrossEntropyInput<float> w = in.on_host(c, Reduction::none, room);
    w.bias = steep.data();
    linear_cross_entropy_forward(Cpu{}, LinearCrossEntropyForward<float>{w, wanted.data(), nullptr});
    check.close("loss", loss.floats(), wanted, {0, 2e-6});
  }
}

KERNEL_CHECK(linear_cross_entropy, "only what is wanted") {
  const EntropyCase c = in_blocks({7, 12, 40}, 16);
  const EntropyInputs<float> in(check, c);
  const DeviceArray<float> loss(1), statistics(14), dloss(std::vector<float>{1.0f}), dx(84), dbias(40);
  LinearCrossEntropyBackward<float> a{};
  a.in = in.on_device(c, Reduction::mean);
  linear_cross_entropy_forward(check.cuda,
                               LinearCrossEntropyForward<float>{a.in, loss.data(), statistics.data()});
  a.statistics = statistics.data(), a.dloss = dloss.data();
  a.dx = dx.data();
  linear_cross_entropy_backward(check.cuda, a);
  a.dx = nullptr, a.dbias = {dbias.data(), DType::f32};
  linear_cross_entropy_backward(check.cuda, a);
  double total = 0;
  for (float v : dbias.floats()) total += static_cast<double>(v);
  check.expect(std::fabs(total) < 1e-6, "dbias must sum to 0, got " + std::to_string(total));
  for (float v : dx.floats()) check.expect(std::isfinite(v), "dx was not written");
}

KERNEL_CHECK(linear_cross_entropy, "a label outside is refused") {
  EntropyCase c{4, 8, 5};
  const EntropyInputs<float> in(check, c);
  const DeviceArray<float> loss(1);
  const std::vector<int32_t> labels = {0, -100, 5, 1};
  const DeviceArray<int32_t> device_labels(labels);
  for (const int32_t* host : {labels.data(), static_cast<const int32_t*>(nullptr)}) {
    LinearCrossEntropyInput<float> a = in.on_device(c, Reduction::mean);
    a.labels = {device_labels.data(), host};
    check.fails("linear_cross_entropy: label 5 outside 0..4", [&] {
      linear_cross_entropy_forward(check.cuda, LinearCrossEntropyForward<float>{a, loss.data(), nullptr});
    });
  }
}

}  // namespace
}  // namespace athanor
