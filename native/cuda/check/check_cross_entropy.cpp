// cross_entropy on the device against the CPU's, and labels.h against plain loops.
#include <limits>

#include "cuda/check/row_cases.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/cross_entropy/labels.h"

namespace athanor {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

struct EntropyCase {
  int64_t rows, classes;
  float smoothing = 0.0f;
  bool weighted = false;
  int64_t more_stride = 0;
  size_t offset = 0;
  bool labels_on_host = true;
};

std::string text(const EntropyCase& c, Reduction reduction) {
  return " of (" + std::to_string(c.rows) + ", " + std::to_string(c.classes) + "), reduction " +
         std::to_string(static_cast<int>(reduction));
}

// Every fifth label is ignored; the first and the last class are always among them.
std::vector<int32_t> some_labels(KernelCheck& check, const EntropyCase& c) {
  std::vector<int32_t> labels =
      check.random.integers(static_cast<size_t>(c.rows), 0, static_cast<int32_t>(c.classes - 1));
  for (size_t i = 0; i < labels.size(); i++) {
    if (i % 5 == 3) labels[i] = -100;
    if (i == 0) labels[i] = static_cast<int32_t>(c.classes - 1);
    if (i == 1) labels[i] = 0;
  }
  return labels;
}

template <class T>
CrossEntropyRows<T> rows_of(const EntropyCase& c, const T* logits, Indices labels, const float* weight,
                            Reduction reduction) {
  return {logits,    c.classes + c.more_stride,     labels, c.weighted ? weight : nullptr, c.rows,
          c.classes, {-100, c.smoothing, reduction}};
}

template <class T>
void check_reduction(KernelCheck& check, const EntropyCase& c, const RowsOnBoth<T>& logits,
                     const std::vector<int32_t>& labels, Reduction reduction) {
  const size_t n = static_cast<size_t>(c.rows * c.classes), rows = static_cast<size_t>(c.rows);
  const size_t losses = reduction == Reduction::none ? rows : 1;
  const DeviceArray<int32_t> device_labels(labels);
  const RowsOnBoth<float> weight(check.random.floats(static_cast<size_t>(c.classes), 0.5f, 2), c.classes);
  const RowsOnBoth<float> dloss(check.random.floats(losses, 0.5f, 2), static_cast<int64_t>(losses));
  const auto in =
      rows_of<T>(c, logits.data(), {device_labels.data(), c.labels_on_host ? labels.data() : nullptr},
                 weight.data(), reduction);
  const auto host_in =
      rows_of<float>(c, logits.host.data(), {labels.data(), labels.data()}, weight.host.data(), reduction);

  const DeviceArray<float> loss(losses), statistics(2 * rows);
  cross_entropy_forward(check.cuda, CrossEntropyForward<T>{in, loss.data(), statistics.data()});
  std::vector<float> wanted_loss(losses), wanted_statistics(2 * rows);
  cross_entropy_forward(Cpu{},
                        CrossEntropyForward<float>{host_in, wanted_loss.data(), wanted_statistics.data()});
  check.close("loss" + text(c, reduction), loss.floats(), wanted_loss, {2e-6, 2e-6});
  std::vector<float> got = statistics.floats();
  for (size_t i = 0; i < rows; i++) {
    // Nobody reads those of a row that does not count, and the sum alone says that a row is undefined.
    if (labels[i] == -100) got[2 * i + 1] = wanted_statistics[2 * i + 1] = 0;
    if (labels[i] == -100 || std::isnan(wanted_statistics[2 * i])) got[2 * i] = wanted_statistics[2 * i];
  }
  check.close("statistics" + text(c, reduction), got, wanted_statistics, {0, 2e-6});

  const DeviceArray<T> dlogits(n, c.offset);
  const DeviceArray<float> kept(wanted_statistics);
  cross_entropy_backward(check.cuda, CrossEntropyBackward<T>{in, kept.data(), dloss.data(), dlogits.data()});
  std::vector<float> wanted(n);
  cross_entropy_backward(Cpu{}, CrossEntropyBackward<float>{host_in, wanted_statistics.data(),
                                                            dloss.host.data(), wanted.data()});
  // Where p - 1 cancels, what is left is rounded at the size of 1.
  double largest = 0;
  for (float v : wanted) largest = std::fmax(largest, std::fabs(static_cast<double>(v)));
  Tolerance tolerance = rounding<T>(3e-6);
  tolerance.absolute = 1e-6 * largest;
  check.close("dlogits" + text(c, reduction), dlogits.floats(), wanted, tolerance);
}

template <class T>
void check_all(KernelCheck& check, const EntropyCase& c) {
  const int64_t stride = c.classes + c.more_stride;
  const RowsOnBoth<T> logits(check.random.floats(static_cast<size_t>(c.rows * stride), -8, 8), c.classes,
                             stride, c.offset);
  const std::vector<int32_t> labels = some_labels(check, c);
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_reduction<T>(check, c, logits, labels, reduction);
  }
}

KERNEL_CHECK(cross_entropy, "any number of classes") {
  for (int64_t classes : {1, 2, 3, 4, 5, 9, 31, 33, 127, 129, 511, 513, 1023, 1024, 1025, 2047, 8191, 8201}) {
    check_all<float>(check, {4, classes});
    check_all<bf16>(check, {4, classes});
  }
}

KERNEL_CHECK(cross_entropy, "label smoothing, class weights, labels on the device alone") {
  for (int64_t classes : {2, 65, 1024, 1027, 4099}) {
    check_all<float>(check, {6, classes, 0.1f, false});
    check_all<float>(check, {6, classes, 0.0f, true, 0, 0, false});
    check_all<float>(check, {6, classes, 0.2f, true});
    check_all<bf16>(check, {6, classes, 0.2f, true, 0, 0, false});
  }
}

KERNEL_CHECK(cross_entropy, "any number of rows, rows apart, addresses off") {
  for (int64_t rows : {0, 1, 4, 5, 600}) check_all<float>(check, {rows, 7});
  for (int64_t classes : {10, 1029}) {
    check_all<float>(check, {5, classes, 0.1f, false, 3, 1});
    check_all<bf16>(check, {5, classes, 0.0f, false, 8, 0});
    check_all<bf16>(check, {5, classes, 0.0f, false, 5, 3});
  }
}

KERNEL_CHECK(cross_entropy, "no row counts") {
  const RowsOnBoth<float> logits(check, 2, 5);
  const std::vector<int32_t> labels = {-100, -100};
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check_reduction<float>(check, {2, 5}, logits, labels, reduction);
  }
}

// Masked logits, a label among them, a row with nothing else, rising and falling rows, infinities and NaN.
KERNEL_CHECK(cross_entropy, "rows with infinities and NaN") {
  for (int64_t classes : {6, 700, 3001}) {
    const size_t n = static_cast<size_t>(classes);
    std::vector<float> x(8 * n, 0.5f);
    for (size_t i = 0; i < n; i++) {
      x[i] = 80 * static_cast<float>(i) / static_cast<float>(n);
      x[n + i] = -x[i];
      x[2 * n + i] = i < n / 2 ? -inf : 1.0f;
      x[3 * n + i] = -inf;
    }
    x[4 * n + 2] = inf, x[5 * n + 3] = NAN, x[6 * n + n - 1] = -inf;
    const std::vector<int32_t> labels = {0, 1, static_cast<int32_t>(n - 1), 2,
                                         1, 1, static_cast<int32_t>(n - 1), 0};
    EntropyCase c{8, classes};
    check_reduction<float>(check, c, {x, classes}, labels, Reduction::none);
    check_reduction<bf16>(check, c, {x, classes}, labels, Reduction::none);
    c.smoothing = 0.1f;
    for (size_t i = 0; i < n; i++) x[2 * n + i] = 1.0f;
    check_reduction<float>(check, c, {x, classes}, labels, Reduction::none);
  }
}

KERNEL_CHECK(cross_entropy, "a label outside is refused") {
  const RowsOnBoth<float> logits(check, 4, 5);
  const DeviceArray<float> loss(1);
  for (int32_t bad : {5, -1, 2000000000}) {
    const std::vector<int32_t> labels = {0, -100, bad, 99};
    const DeviceArray<int32_t> device_labels(labels);
    const std::string sentence = "cross_entropy: label " + std::to_string(bad) + " outside 0..4";
    for (const int32_t* host : {labels.data(), static_cast<const int32_t*>(nullptr)}) {
      const auto in =
          rows_of<float>({4, 5}, logits.data(), {device_labels.data(), host}, nullptr, Reduction::mean);
      check.fails(sentence, [&] {
        cross_entropy_forward(check.cuda, CrossEntropyForward<float>{in, loss.data(), nullptr});
      });
    }
  }
}

KERNEL_CHECK(cross_entropy, "the rows that count are found in order") {
  for (int64_t rows : {0, 1, 31, 33, 511, 512, 513, 1600}) {
    std::vector<int32_t> labels = check.random.integers(static_cast<size_t>(rows), 0, 3), wanted;
    for (size_t i = 0; i < labels.size(); i++) {
      if (labels[i] == 2) labels[i] = -100;
      if (labels[i] != -100) wanted.push_back(static_cast<int32_t>(i));
    }
    const DeviceArray<int32_t> device_labels(labels), positions(wanted.size());
    const LabelCheck labels_of{"check", rows, 4, -100};
    for (const int32_t* host :
         {static_cast<const int32_t*>(labels.data()), static_cast<const int32_t*>(nullptr)}) {
      const int64_t counted = counted_labels(check.cuda, labels_of, {device_labels.data(), host});
      check.expect(counted == static_cast<int64_t>(wanted.size()), "counted " + std::to_string(counted));
    }
    find_counted(check.cuda, labels_of, device_labels.data(), positions.data());
    check.same("positions of " + std::to_string(rows), positions.download(), wanted);
  }
}

}  // namespace
}  // namespace athanor
