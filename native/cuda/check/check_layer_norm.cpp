// layer_norm and rms_norm on the device against the CPU's.
#include "cuda/check/row_cases.h"
#include "ops/layer_norm/layer_norm.h"

namespace athanor {
namespace {

struct NormCase {
  int64_t rows, width;
  NormKind kind = NormKind::layer;
  bool residual = false, bias = true, sum = false;
  float p = 0.0f;
  int64_t more_stride = 0;  // elements between rows beyond their width
  size_t offset = 0;        // of all arrays,
  int only = -1;            // or of this one, in the order in which they are made

  size_t offset_of(int array) const { return only < 0 || only == array ? offset : 0; }
};

std::string text(const NormCase& c) {
  return " of (" + std::to_string(c.rows) + ", " + std::to_string(c.width) + ")";
}

template <class T>
const T* data_or_null(bool wanted, const DeviceArray<T>& array) {
  return wanted ? array.data() : nullptr;
}

template <class A>
void set_sizes(A& a, const NormCase& c) {
  a.kind = c.kind;
  a.rows = c.rows, a.width = c.width;
  a.p = c.p, a.seed = 0x123456789abcdefu, a.call = 7;
}

template <class T>
void check_forward(KernelCheck& check, const NormCase& c) {
  const RowsOnBoth<T> x(check, c.rows, c.width, c.width + c.more_stride, c.offset_of(0));
  const RowsOnBoth<T> residual(check, c.rows, c.width, c.width + 2 * c.more_stride, c.offset_of(1));
  const RowsOnBoth<T> weight(check, 1, c.width, 0, c.offset_of(2)),
      bias(check, 1, c.width, 0, c.offset_of(3));
  const size_t n = static_cast<size_t>(c.rows * c.width);
  const DeviceArray<T> y(n, c.offset_of(4)), sum(n, c.offset_of(5));
  const DeviceArray<float> statistics(static_cast<size_t>(2 * c.rows));
  LayerNormForward<T> a{};
  set_sizes(a, c);
  a.eps = 1e-5f;
  a.x = x.data(), a.x_stride = x.stride;
  a.residual = data_or_null(c.residual, residual.device), a.residual_stride = residual.stride;
  a.weight = weight.data(), a.bias = data_or_null(c.bias, bias.device);
  a.y = y.data(), a.sum = c.sum ? sum.data() : nullptr, a.statistics = statistics.data();
  layer_norm_forward(check.cuda, a);

  std::vector<float> wanted_y(n), wanted_sum(n), wanted_statistics(statistics.size());
  LayerNormForward<float> w{};
  set_sizes(w, c);
  w.eps = 1e-5f;
  w.x = x.host.data(), w.x_stride = x.stride;
  w.residual = c.residual ? residual.host.data() : nullptr, w.residual_stride = residual.stride;
  w.weight = weight.host.data(), w.bias = c.bias ? bias.host.data() : nullptr;
  w.y = wanted_y.data(), w.sum = c.sum ? wanted_sum.data() : nullptr, w.statistics = wanted_statistics.data();
  layer_norm_forward(Cpu{}, w);
  check.close("y" + text(c), y.floats(), wanted_y, rounding<T>(3e-6));
  if (c.width > 0) check.close("statistics" + text(c), statistics.floats(), wanted_statistics, {1e-6, 1e-6});
  if (c.sum) check.close("sum" + text(c), sum.floats(), wanted_sum, rounding<T>(1e-6));
}

KERNEL_CHECK(layer_norm, "forward, rows of every length") {
  for (int64_t width : row_widths) {
    check_forward<float>(check, {2, width});
    check_forward<bf16>(check, {2, width});
  }
}

KERNEL_CHECK(layer_norm, "forward, any number of rows") {
  for (int64_t rows : {0, 1, 3, 4, 5, 9}) {
    check_forward<float>(check, {rows, 36});
    check_forward<bf16>(check, {rows, 40});
  }
  check_forward<float>(check, {3, 0});
}

KERNEL_CHECK(layer_norm, "forward, without mean, without bias") {
  for (int64_t width : {3, 64, 1024, 1032, 8200}) {
    check_forward<float>(check, {3, width, NormKind::root_mean_square, false, false});
    check_forward<bf16>(check, {3, width, NormKind::root_mean_square, true, false, true});
  }
}

KERNEL_CHECK(layer_norm, "forward, residual, dropout and sum, rows apart, addresses off") {
  for (int64_t width : {1, 6, 32, 33, 514, 768, 1030, 1032, 8194}) {
    check_forward<float>(check, {5, width, NormKind::layer, true, true, true, 0.0f, 4});
    check_forward<float>(check, {5, width, NormKind::layer, true, true, true, 0.3f, 5, 1});
    check_forward<bf16>(check, {5, width, NormKind::layer, true, true, true, 0.3f, 8});
    check_forward<bf16>(check, {5, width, NormKind::layer, true, true, true, 0.3f, 3, 3});
  }
}

// A row whose values are far from 0 keeps its digits.
KERNEL_CHECK(layer_norm, "forward, a mean of 1000") {
  std::vector<float> values = check.random.normals(768);
  for (float& v : values) v += 1000;
  const RowsOnBoth<float> x(values, 768), weight(std::vector<float>(768, 1.0f), 768);
  const DeviceArray<float> y(768);
  LayerNormForward<float> a{};
  a.x = x.data(), a.x_stride = 768, a.weight = weight.data(), a.y = y.data(), a.rows = 1, a.width = 768;
  layer_norm_forward(check.cuda, a);
  double mean = 0, squares = 0;
  for (float v : x.host) mean += static_cast<double>(v) / 768;
  for (float v : x.host) squares += (v - mean) * (v - mean) / 768;
  std::vector<double> wanted;
  for (float v : x.host) wanted.push_back((v - mean) / std::sqrt(squares));
  check.close("y", y.floats(), wanted, {1e-6, 1e-6});
}

// ---- backward ----

struct BackwardCase {
  NormCase norm;
  bool dy = true, dsum = false, dx = true, dresidual = false, dweight = true, dbias = true;
  int multiprocessors = 1;  // few, so that teams walk over several rows
  DType parameters = DType::f32;
};

template <class T>
struct BackwardResult {
  std::vector<float> dx, dresidual, dweight, dbias;
};

template <class T>
struct BackwardInputs {
  BackwardInputs(KernelCheck& check, const NormCase& c)
      : dy(check, c.rows, c.width, c.width + c.more_stride, c.offset_of(0)),
        dsum(check, c.rows, c.width, c.width + 2 * c.more_stride, c.offset_of(1)),
        s(check, c.rows, c.width, c.width + 3 * c.more_stride, c.offset_of(2)),
        weight(check, 1, c.width, 0, c.offset_of(3)),
        statistics(statistics_of(s, c)),
        device_statistics(statistics) {}

  static std::vector<float> statistics_of(const RowsOnBoth<T>& s, const NormCase& c) {
    std::vector<float> y(static_cast<size_t>(c.rows * c.width)), weight(static_cast<size_t>(c.width));
    std::vector<float> statistics(static_cast<size_t>(2 * c.rows));
    LayerNormForward<float> a{};
    set_sizes(a, c);
    a.x = s.host.data(), a.x_stride = s.stride, a.weight = weight.data(), a.eps = 1e-5f;
    a.y = y.data(), a.statistics = statistics.data();
    layer_norm_forward(Cpu{}, a);
    return statistics;
  }

  const RowsOnBoth<T> dy, dsum, s, weight;
  const std::vector<float> statistics;
  const DeviceArray<float> device_statistics;
};

template <class T>
LayerNormBackward<T> backward_sizes(const BackwardCase& c) {
  LayerNormBackward<T> a{};
  set_sizes(a, c.norm);
  return a;
}

template <class T>
BackwardResult<T> wanted_of(const BackwardCase& c, const BackwardInputs<T>& in) {
  const size_t n = static_cast<size_t>(c.norm.rows * c.norm.width), width = static_cast<size_t>(c.norm.width);
  BackwardResult<T> r{std::vector<float>(n), std::vector<float>(n), std::vector<float>(width),
                      std::vector<float>(width)};
  std::vector<float> partials(2 * static_cast<size_t>(layer_norm_blocks(c.norm.rows)) * width);
  LayerNormBackward<float> a = backward_sizes<float>(c);
  a.dy = c.dy ? in.dy.host.data() : nullptr, a.dy_stride = in.dy.stride;
  a.dsum = c.dsum ? in.dsum.host.data() : nullptr, a.dsum_stride = in.dsum.stride;
  a.s = in.s.host.data(), a.s_stride = in.s.stride;
  a.statistics = in.statistics.data(), a.weight = in.weight.host.data();
  a.dx = c.dx ? r.dx.data() : nullptr, a.dresidual = c.dresidual ? r.dresidual.data() : nullptr;
  a.dweight = {c.dweight ? r.dweight.data() : nullptr, DType::f32};
  a.dbias = {c.dbias ? r.dbias.data() : nullptr, DType::f32};
  a.partials = partials.data();
  layer_norm_backward(Cpu{}, a);
  return r;
}

template <class T, class G>
void check_backward_as(KernelCheck& check, const BackwardCase& c) {
  const BackwardInputs<T> in(check, c.norm);
  const size_t n = static_cast<size_t>(c.norm.rows * c.norm.width), width = static_cast<size_t>(c.norm.width);
  const DeviceArray<T> dx(n, c.norm.offset_of(4)), dresidual(n, c.norm.offset_of(5));
  const DeviceArray<G> dweight(width), dbias(width);
  LayerNormBackward<T> a = backward_sizes<T>(c);
  a.dy = data_or_null(c.dy, in.dy.device), a.dy_stride = in.dy.stride;
  a.dsum = data_or_null(c.dsum, in.dsum.device), a.dsum_stride = in.dsum.stride;
  a.s = in.s.data(), a.s_stride = in.s.stride;
  a.statistics = in.device_statistics.data(), a.weight = in.weight.data();
  a.dx = c.dx ? dx.data() : nullptr, a.dresidual = c.dresidual ? dresidual.data() : nullptr;
  a.dweight = {c.dweight ? dweight.data() : nullptr, c.parameters};
  a.dbias = {c.dbias ? dbias.data() : nullptr, c.parameters};
  CudaProperties properties = *check.cuda.properties;
  properties.multiprocessors = c.multiprocessors;
  layer_norm_backward(Cuda{check.cuda.stream, check.cuda.scratch, &properties}, a);

  const BackwardResult<T> wanted = wanted_of<T>(c, in);
  const std::string of = text(c.norm);
  // rstd, 316 in a row without spread, multiplies a difference of products below 1: d - first - v second, at
  // most five roundings of half a unit here and as many on the CPU.
  float largest = 0;
  for (float v : in.statistics) largest = std::fmax(largest, v);
  Tolerance tolerance = rounding<T>(1e-5);
  tolerance.absolute += 5 * 0x1p-24 * static_cast<double>(largest);
  if (c.dx) check.close("dx" + of, dx.floats(), wanted.dx, tolerance);
  if (c.dresidual) check.close("dresidual" + of, dresidual.floats(), wanted.dresidual, tolerance);
  if (c.dweight) check.close("dweight" + of, dweight.floats(), wanted.dweight, rounding<G>(1e-5));
  if (c.dbias) check.close("dbias" + of, dbias.floats(), wanted.dbias, rounding<G>(1e-5));
}

template <class T>
void check_backward(KernelCheck& check, const BackwardCase& c) {
  if (c.parameters == DType::bf16) return check_backward_as<T, bf16>(check, c);
  check_backward_as<T, float>(check, c);
}

KERNEL_CHECK(layer_norm, "backward, rows of every length") {
  for (int64_t width : row_widths) {
    check_backward<float>(check, {{3, width}});
    check_backward<bf16>(check, {{3, width}});
  }
}

KERNEL_CHECK(layer_norm, "backward, teams that take several rows, bf16 parameters") {
  for (int64_t rows : {0, 1, 4, 5, 16, 17, 67}) {
    check_backward<float>(check, {{rows, 40}});
    BackwardCase c{{rows, 520}};
    c.multiprocessors = rows > 16 ? 2 : 1;
    c.parameters = DType::bf16;
    check_backward<bf16>(check, c);
  }
  for (int64_t rows : {7, 8, 9, 530}) check_backward<float>(check, {{rows, 8194}});
}

KERNEL_CHECK(layer_norm, "backward, residual, dropout and sum, rows apart, addresses off") {
  for (int64_t width : {1, 6, 32, 514, 768, 1032, 4104, 8194}) {
    for (size_t offset : {0, 1}) {
      NormCase norm{5, width, NormKind::layer, true, true, true, 0.3f, offset ? 3 : 8, offset};
      BackwardCase c{norm, true, true, true, true};
      check_backward<float>(check, c);
      check_backward<bf16>(check, c);
    }
  }
}

// Rows may be read in pieces only where every array allows it.
KERNEL_CHECK(layer_norm, "one address off") {
  for (int array = 0; array < 6; array++) {
    const NormCase c{3, 768, NormKind::layer, true, true, true, 0.0f, 8, 1, array};
    check_forward<float>(check, c);
    check_forward<bf16>(check, c);
    check_backward<float>(check, {c, true, true, true, true});
    check_backward<bf16>(check, {c, true, true, true, true});
  }
}

KERNEL_CHECK(layer_norm, "backward, aligned rows that end within a piece, for the parameters alone") {
  check_backward<float>(check, {{5, 6, NormKind::layer, false, true, false, 0.0f, 2}, true, false, false});
}

KERNEL_CHECK(layer_norm, "backward, without mean; only what is wanted") {
  for (int64_t width : {40, 1032, 8200}) {
    const NormCase plain{6, width}, rms{6, width, NormKind::root_mean_square};
    check_backward<float>(check, {rms, true, false, true, false, true, false});
    check_backward<float>(check, {plain, false, true, true, false, false, false});
    check_backward<float>(check, {plain, false, true, false, true, false, false});
    check_backward<float>(check, {plain, true, false, false, false, true, true});
    check_backward<float>(check, {plain, true, true, true, false, false, false});
    check_backward<bf16>(check, {plain, true, false, false, false, false, true});
  }
}

// In a block without dropout one array serves both gradients.
KERNEL_CHECK(layer_norm, "backward, dx and dresidual in one place") {
  const BackwardCase c{{3, 40}};
  const BackwardInputs<float> in(check, c.norm);
  const DeviceArray<float> dx(120);
  LayerNormBackward<float> a = backward_sizes<float>(c);
  a.dy = in.dy.data(), a.dy_stride = 40, a.s = in.s.data(), a.s_stride = 40;
  a.statistics = in.device_statistics.data(), a.weight = in.weight.data();
  a.dx = dx.data(), a.dresidual = dx.data();
  layer_norm_backward(check.cuda, a);
  check.close("dx", dx.floats(), wanted_of<float>(c, in).dx, {1e-5, 1e-5});
}

KERNEL_CHECK(layer_norm, "the same bits twice") {
  const BackwardCase c{{300, 264}};
  const BackwardInputs<bf16> in(check, c.norm);
  std::vector<std::vector<float>> runs;
  for (int run = 0; run < 2; run++) {
    const DeviceArray<float> dweight(264), dbias(264);
    LayerNormBackward<bf16> a = backward_sizes<bf16>(c);
    a.dy = in.dy.data(), a.dy_stride = 264, a.s = in.s.data(), a.s_stride = 264;
    a.statistics = in.device_statistics.data(), a.weight = in.weight.data();
    a.dweight = {dweight.data(), DType::f32}, a.dbias = {dbias.data(), DType::f32};
    layer_norm_backward(check.cuda, a);
    runs.push_back(dweight.floats());
    runs.push_back(dbias.floats());
  }
  check.same("dweight", runs[2], runs[0]);
  check.same("dbias", runs[3], runs[1]);
}

}  // namespace
}  // namespace athanor
