// linear on the device against the same function on the CPU: values of both layouts, views whose rows are
// longer than the matrix, the gradients, column sums; weights in bf16 and i8 under f32 activations.
#include <algorithm>

#include "core/device.h"
#include "core/storage.h"
#include "cpu/packed_gemm.h"
#include "cuda/check/kernel_check.h"
#include "cuda/gemm.h"
#include "cuda/gemm_kernels.h"
#include "ops/linear/linear.h"

namespace athanor {
namespace {

std::vector<double> transposed(const std::vector<double>& x, int64_t rows, int64_t columns) {
  std::vector<double> result(x.size());
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) {
      result[static_cast<size_t>(c * rows + r)] = x[static_cast<size_t>(r * columns + c)];
    }
  }
  return result;
}

// A product in double, and the largest error of the same loop in fp32.
struct Product {
  std::vector<double> y;
  double plain_error = 0;

  // Twice the plain loop's error, and the rounding of what is added and stored.
  template <class T>
  Tolerance tolerance() const {
    return {2 * plain_error + 1e-7, sizeof(T) == 2 ? 0x1p-8 : 0x1p-22};
  }
};

// a (m, k), rows ld_a apart, times b (k, n), rows ld_b apart.
Product product(const std::vector<double>& a, int64_t ld_a, const std::vector<double>& b, int64_t ld_b,
                int64_t m, int64_t n, int64_t k) {
  Product result;
  for (int64_t r = 0; r < m; r++) {
    for (int64_t c = 0; c < n; c++) {
      double exact = 0;
      float plain = 0;
      for (int64_t i = 0; i < k; i++) {
        const double term = a[static_cast<size_t>(r * ld_a + i)] * b[static_cast<size_t>(i * ld_b + c)];
        exact += term;
        plain += static_cast<float>(term);
      }
      result.y.push_back(exact);
      result.plain_error = std::fmax(result.plain_error, std::fabs(plain - exact));
    }
  }
  return result;
}

template <class T>
std::vector<double> doubles(const std::vector<T>& x) {
  return std::vector<double>(x.begin(), x.end());
}

// The device functions read where the weight lies and nothing else of its storage, which is never freed.
View weight_view(void* data, DType dtype, const LinearSizes& s) {
  auto* storage = new Storage(Device::cpu(), 0, nullptr);
  storage->data = data;
  View v;
  v.storage = StorageRef(storage, [](Storage*) {});
  v.dtype = dtype;
  v.shape = s.layout == WeightLayout::out_in ? Shape{s.out, s.in} : Shape{s.in, s.out};
  v.row_stride = v.shape.width();
  return v;
}

struct Size {
  int64_t rows, in, out;
};
const Size sizes[] = {{0, 5, 3},    {1, 1, 1},    {1, 40, 70},  {7, 72, 64},
                      {16, 33, 65}, {17, 64, 48}, {50, 130, 97}};

// x and dz are ranges of columns: rows `gap` longer than they are wide.
template <class T>
void check_linear(KernelCheck& check, const Size& size, WeightLayout layout, int64_t gap) {
  const LinearSizes s{size.rows, size.in, size.out, layout};
  const int64_t ld_x = s.in + gap, ld_dz = s.out + gap;
  const auto values = [&](int64_t count) {
    return rounded_to<T>(check.random.normals(static_cast<size_t>(count)));
  };
  const std::vector<float> x = values(s.rows * ld_x), dz = values(s.rows * ld_dz), bias = values(s.out);
  const std::vector<float> w = values(s.in * s.out), residual = values(s.rows * s.out);
  const bool out_in = layout == WeightLayout::out_in;
  const std::vector<double> as_stored = doubles(w);
  // W as (in, out) and (out, in).
  const std::vector<double> turned = transposed(as_stored, out_in ? s.out : s.in, out_in ? s.in : s.out);
  const std::vector<double>&by_in = out_in ? turned : as_stored, &by_out = out_in ? as_stored : turned;
  const std::string name = std::to_string(s.rows) + " x " + std::to_string(s.in) + " to " +
                           std::to_string(s.out) + (out_in ? " out_in " : " in_out ");

  const DeviceArray<T> device_x(x), device_dz(dz), device_w(w), device_bias(bias), device_residual(residual);
  const DeviceArray<T> y(residual.size()), z(residual.size()), dx(static_cast<size_t>(s.rows * s.in));
  const View weight = weight_view(device_w.data(), sizeof(T) == 2 ? DType::bf16 : DType::f32, s);
  linear_forward(check.cuda,
                 LinearForward<T>{device_x.data(), ld_x, weight, false, nullptr, device_bias.data(),
                                  Function::relu, device_residual.data(), s.out, y.data(), z.data(), s});
  const Product forward = product(doubles(x), ld_x, by_in, s.out, s.rows, s.out, s.in);
  std::vector<double> wanted = forward.y, wanted_z = forward.y;
  for (size_t i = 0; i < wanted.size(); i++) {
    wanted_z[i] += bias[i % static_cast<size_t>(s.out)];
    wanted[i] = std::fmax(wanted_z[i], 0) + residual[i];
  }
  check.close(name + "z", z.floats(), wanted_z, forward.tolerance<T>());
  check.close(name + "y", y.floats(), wanted, forward.tolerance<T>());

  linear_grad_input(check.cuda, LinearGradInput<T>{device_dz.data(), ld_dz, device_w.data(), dx.data(), s});
  const Product backward = product(doubles(dz), ld_dz, by_out, s.in, s.rows, s.in, s.out);
  check.close(name + "dx", dx.floats(), backward.y, backward.tolerance<T>());

  // dW in f32, and in the activations' type.
  const DeviceArray<float> dw(w.size());
  const DeviceArray<T> dw_as_t(w.size());
  linear_grad_weight(
      check.cuda, LinearGradWeight<T, float>{device_dz.data(), ld_dz, device_x.data(), ld_x, dw.data(), s});
  linear_grad_weight(
      check.cuda, LinearGradWeight<T, T>{device_dz.data(), ld_dz, device_x.data(), ld_x, dw_as_t.data(), s});
  const int64_t ld_a = out_in ? ld_dz : ld_x, ld_b = out_in ? ld_x : ld_dz;
  const int64_t m = out_in ? s.out : s.in, n = out_in ? s.in : s.out;
  const std::vector<double> a_by_row = transposed(doubles(out_in ? dz : x), s.rows, ld_a);
  const Product of_weight = product(a_by_row, s.rows, doubles(out_in ? x : dz), ld_b, m, n, s.rows);
  check.close(name + "dW", dw.floats(), of_weight.y, of_weight.tolerance<float>());
  check.close(name + "dW as T", dw_as_t.floats(), of_weight.y, of_weight.tolerance<T>());
}

template <class T>
void check_linears(KernelCheck& check) {
  for (const Size& size : sizes) {
    for (WeightLayout layout : {WeightLayout::out_in, WeightLayout::in_out}) {
      check_linear<T>(check, size, layout, 0);
      check_linear<T>(check, size, layout, 3);
    }
  }
}
KERNEL_CHECK(linear, "f32: forward and gradients of both layouts") {
  check_linears<float>(check);
}
KERNEL_CHECK(linear, "bf16: forward and gradients of both layouts") {
  check_linears<bf16>(check);
}

// ---- column sums ----

template <class T, class G>
void check_column_sums(KernelCheck& check, int64_t rows, int64_t columns, int64_t gap) {
  const int64_t ld = columns + gap;
  std::vector<float> x(static_cast<size_t>(rows * ld), NAN);
  std::vector<double> wanted(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) {
      const float value = static_cast<float>(check.random.integer(-8, 9));
      x[static_cast<size_t>(r * ld + c)] = value;
      wanted[static_cast<size_t>(c)] += value;
    }
  }
  const DeviceArray<T> device_x(x);
  const DeviceArray<float> partial(static_cast<size_t>(column_sum_blocks(rows) * columns));
  const DeviceArray<G> y(wanted.size());
  column_sums(check.cuda, ColumnSums<T, G>{device_x.data(), ld, partial.data(), y.data(), rows, columns});
  check.close(std::to_string(rows) + " rows of " + std::to_string(columns), y.floats(), wanted,
              {0, sizeof(G) == 2 ? 0x1p-8 : 0});
}
KERNEL_CHECK(linear, "column sums") {
  for (int64_t rows : {0, 1, 7, 8, 9, 127, 128, 129, 1100}) {
    for (int64_t columns : {1, 31, 32, 33}) {
      check_column_sums<float, float>(check, rows, columns, 0);
      check_column_sums<bf16, float>(check, rows, columns, 1);
      check_column_sums<bf16, bf16>(check, rows, columns, 0);
    }
  }
  check_column_sums<float, float>(check, 5, 0, 0);
  check_column_sums<float, float>(check, 9000, 3, 2);  // 141 rows to a block
}

// 200,000 equal gradients: a running fp32 sum would be off in the fourth digit.
KERNEL_CHECK(linear, "column sums do not drift") {
  const int64_t rows = 200000;
  const DeviceArray<float> x(std::vector<float>(static_cast<size_t>(rows), 0.1f)), y(1);
  const DeviceArray<float> partial(static_cast<size_t>(column_sum_blocks(rows)));
  column_sums(check.cuda, ColumnSums<float, float>{x.data(), 1, partial.data(), y.data(), rows, 1});
  check.close("sum", y.download(), std::vector<double>{double{0.1f} * rows}, {0, 1e-6});
}

// A thread's groups of rows join in double: 2^24 + 1 + 1, of which fp32 keeps nothing but 2^24.
KERNEL_CHECK(linear, "column sums of one thread do not round") {
  const int64_t rows = 70000;  // over 1024 to a block, every eighth to a thread, 64 of these to a group
  std::vector<float> values(static_cast<size_t>(rows));
  values[0] = 0x1p24f, values[512] = 1, values[1024] = 1;
  const DeviceArray<float> x(values), y(1);
  const DeviceArray<float> partial(static_cast<size_t>(column_sum_blocks(rows)));
  column_sums(check.cuda, ColumnSums<float, float>{x.data(), 1, partial.data(), y.data(), rows, 1});
  check.close("sum", y.download(), std::vector<double>{0x1p24 + 2}, {0, 0});
}

// ---- weights of inference ----

// In and out of a weight, stored as the layout says.
template <class W>
std::vector<W> stored(const std::vector<W>& by_out, const LinearSizes& s) {
  if (s.layout == WeightLayout::out_in) return by_out;
  std::vector<W> result(by_out.size());
  for (int64_t o = 0; o < s.out; o++) {
    for (int64_t i = 0; i < s.in; i++) {
      result[static_cast<size_t>(i * s.out + o)] = by_out[static_cast<size_t>(o * s.in + i)];
    }
  }
  return result;
}

KERNEL_CHECK(linear, "bf16 weight under f32 activations, to the precision of fp32") {
  for (const Size& size : sizes) {
    for (WeightLayout layout : {WeightLayout::out_in, WeightLayout::in_out}) {
      const LinearSizes s{size.rows, size.in, size.out, layout};
      const std::vector<float> x = check.random.normals(static_cast<size_t>(s.rows * (s.in + 1)));
      const std::vector<float> w = rounded_to<bf16>(check.random.normals(static_cast<size_t>(s.in * s.out)));
      const std::vector<float> bias = check.random.normals(static_cast<size_t>(s.out));
      const DeviceArray<float> device_x(x), device_bias(bias), y(static_cast<size_t>(s.rows * s.out));
      const DeviceArray<bf16> device_w(stored(w, s));
      const View weight = weight_view(device_w.data(), DType::bf16, s);
      linear_forward(check.cuda, LinearForward<float>{device_x.data(), s.in + 1, weight, true, nullptr,
                                                      device_bias.data(), Function::tanh, nullptr, 0,
                                                      y.data(), nullptr, s});
      const Product sums =
          product(doubles(x), s.in + 1, transposed(doubles(w), s.out, s.in), s.out, s.rows, s.out, s.in);
      std::vector<double> wanted = sums.y;
      for (size_t i = 0; i < wanted.size(); i++) {
        wanted[i] = std::tanh(wanted[i] + bias[i % static_cast<size_t>(s.out)]);
      }
      check.close("y", y.floats(), wanted, sums.tolerance<float>());
    }
  }
}

KERNEL_CHECK(linear, "bf16 weight: an infinity stays one, a NaN too, and neither leaves its row") {
  const LinearSizes s{3, 4, 2, WeightLayout::out_in};
  std::vector<float> x(12, 1.0f);
  x[1] = INFINITY, x[6] = NAN;
  const DeviceArray<float> device_x(x), y(6);
  const DeviceArray<bf16> w(std::vector<float>{1, 2, 3, 4, -1, -2, -3, -4});
  const View weight = weight_view(w.data(), DType::bf16, s);
  linear_forward(check.cuda, LinearForward<float>{device_x.data(), 4, weight, true, nullptr, nullptr,
                                                  Function::identity, nullptr, 0, y.data(), nullptr, s});
  check.same("y", y.download(), std::vector<float>{INFINITY, -INFINITY, NAN, NAN, 10, -10});
}

// What the CPU says of the same weight.
std::vector<float> int8_on_cpu(const std::vector<float>& x, const std::vector<int8_t>& w,
                               const LinearSizes& s, const std::vector<float>& scale,
                               const std::vector<float>& bias, const std::vector<float>& residual) {
  const PackedWeight packed(kernels(), Device::cpu().allocator(),
                            {w.data(), DType::i8, static_cast<size_t>(s.out), static_cast<size_t>(s.in),
                             s.layout == WeightLayout::out_in});
  std::vector<float> y(static_cast<size_t>(s.rows * s.out));
  PackedGemm g;
  g.m = static_cast<size_t>(s.rows);
  g.a = x.data(), g.lda = static_cast<size_t>(s.in);
  g.weight = &packed, g.weight_scale = scale.data();
  g.c = y.data(), g.ldc = static_cast<size_t>(s.out);
  g.bias = bias.data(), g.activation = Function::relu;
  g.residual = residual.data(), g.ld_residual = static_cast<size_t>(s.out);
  gemm(g);
  return y;
}

// A value half way between two integers may fall to either: one step of one product.
double one_step(const std::vector<float>& x, const std::vector<float>& scale) {
  double largest = 0, of_scale = 0;
  for (float value : x) largest = std::fmax(largest, std::fabs(value));
  for (float value : scale) of_scale = std::fmax(of_scale, value);
  return 2 * largest / 255 * 127 * of_scale;
}

void check_int8(KernelCheck& check, const LinearSizes& s) {
  std::vector<float> x = check.random.normals(static_cast<size_t>(s.rows * s.in));
  if (s.rows > 2) std::fill(x.begin() + s.in, x.begin() + 2 * s.in, 0.0f);  // a row of zeros
  std::vector<int8_t> w(static_cast<size_t>(s.in * s.out));
  for (int8_t& value : w) value = static_cast<int8_t>(check.random.integer(-127, 127));
  const std::vector<float> scale = check.random.floats(static_cast<size_t>(s.out), 0.01f, 0.02f);
  const std::vector<float> bias = check.random.normals(scale.size());
  const std::vector<float> residual = check.random.normals(static_cast<size_t>(s.rows * s.out));
  w = stored(w, s);
  const DeviceArray<float> device_x(x), device_scale(scale), device_bias(bias), device_residual(residual);
  const DeviceArray<float> y(residual.size());
  DeviceArray<int8_t> device_w(w.size());
  device_w.upload(w);
  const View weight = weight_view(device_w.data(), DType::i8, s);
  linear_forward(check.cuda, LinearForward<float>{device_x.data(), s.in, weight, true, device_scale.data(),
                                                  device_bias.data(), Function::relu, device_residual.data(),
                                                  s.out, y.data(), nullptr, s});
  check.close(std::to_string(s.rows) + " x " + std::to_string(s.in) + " to " + std::to_string(s.out),
              y.floats(), int8_on_cpu(x, w, s, scale, bias, residual), {one_step(x, scale), 1e-6});
}

KERNEL_CHECK(linear, "i8 weight: the sums of the CPU") {
  for (const Size& size : sizes) {
    if (size.rows == 0) continue;
    for (WeightLayout layout : {WeightLayout::out_in, WeightLayout::in_out}) {
      check_int8(check, {size.rows, size.in, size.out, layout});
      check_int8(check, {size.rows, 16 * size.in, size.out, layout});
    }
  }
}

// Rows whose values are whole steps of their range: nothing is rounded, and the sums must be exact in every
// tile.
void check_int8_tile(KernelCheck& check, GemmTile tile, const LinearSizes& s, int64_t splits) {
  std::vector<float> x(static_cast<size_t>(s.rows * s.in));
  for (int64_t r = 0; r < s.rows; r++) {
    const int32_t least = -static_cast<int32_t>(r % 200);
    for (int64_t i = 0; i < s.in; i++) {
      const int32_t value = i == 0 ? least : i == 1 ? least + 255 : check.random.integer(least, least + 255);
      x[static_cast<size_t>(r * s.in + i)] = static_cast<float>(value);
    }
  }
  std::vector<int8_t> w(static_cast<size_t>(s.in * s.out));
  std::vector<float> wide(w.size());
  for (size_t i = 0; i < w.size(); i++) {
    w[i] = static_cast<int8_t>(check.random.integer(-127, 127));
    wide[i] = w[i];
  }
  const bool out_in = s.layout == WeightLayout::out_in;
  const DeviceArray<float> device_x(x), scale(std::vector<float>(static_cast<size_t>(s.out), 1.0f));
  const DeviceArray<float> y(static_cast<size_t>(s.rows * s.out));
  DeviceArray<int8_t> device_w(w.size());
  device_w.upload(stored(w, s));
  const int64_t steps = (s.in + 127) / 128, each = (steps + splits - 1) / splits;
  gemm_int8(check.cuda, {tile, (steps + each - 1) / each, each},
            {1,
             s.rows,
             s.out,
             s.in,
             {device_x.data(), s.in, false},
             {device_w.data(), out_in ? s.in : s.out, out_in},
             {y.data(), s.out},
             scale.data()});
  check.close("y", y.floats(),
              product(doubles(x), s.in, transposed(doubles(wide), s.out, s.in), s.out, s.rows, s.out, s.in).y,
              {});
}

KERNEL_CHECK(linear, "i8 weight: exact in every tile, with k split and whole") {
  for (WeightLayout layout : {WeightLayout::out_in, WeightLayout::in_out}) {
    for (GemmTile tile : {GemmTile::large, GemmTile::small, GemmTile::few_rows}) {
      const TileShape shape = tile_shape(tile);
      for (int64_t edge : {-1, 1}) {
        check_int8_tile(check, tile, {shape.m + edge, 128 - edge, shape.n - edge, layout}, 1);
      }
      check_int8_tile(check, tile, {shape.m, 272, shape.n, layout}, 2);
    }
  }
}

KERNEL_CHECK(linear, "i8 weight: a row with an infinity or a NaN becomes NaN, the others do not change") {
  const LinearSizes s{3, 4, 2, WeightLayout::out_in};
  std::vector<float> x(12, 2.0f);
  x[1] = INFINITY, x[6] = NAN;
  const DeviceArray<float> device_x(x), scale(std::vector<float>{1, 1}), y(6);
  DeviceArray<int8_t> w(8);
  w.upload(std::vector<int8_t>{1, 2, 3, 4, -1, -2, -3, -4});
  const View weight = weight_view(w.data(), DType::i8, s);
  linear_forward(check.cuda, LinearForward<float>{device_x.data(), 4, weight, true, scale.data(), nullptr,
                                                  Function::identity, nullptr, 0, y.data(), nullptr, s});
  check.close("y", y.download(), std::vector<float>{NAN, NAN, NAN, NAN, 20, -20}, {0, 1e-6});
}

}  // namespace
}  // namespace athanor
