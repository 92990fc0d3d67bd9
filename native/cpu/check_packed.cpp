// Products with packed weights against a plain double loop: f32, bf16 and i8, weights by output and by input,
// few and many rows, odd sizes, every epilogue. Gaps between rows of A hold NaN, C starts as NaN, and what
// lies around C must not change. The same bits must come from any number of threads and, for i8, from both
// kinds of tile; a packed weight gives back the plain one.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/random.h"
#include "cpu/check.h"
#include "cpu/isa/tiles.h"
#include "cpu/packed_gemm.h"

namespace athanor {
namespace detail {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float guard = 12345.0f;

float uniform(uint64_t seed, uint64_t index) {
  return static_cast<float>(philox_word(seed, 0, index)) / 2147483648.0f - 1.0f;
}

struct PackedCase {
  size_t m, n, k;
  DType dtype;
  bool by_output, bias, gelu, residual;

  std::string name() const {
    return std::string("packed ") + dtype_name(dtype) + " " + std::to_string(m) + "x" + std::to_string(n) +
           "x" + std::to_string(k) + (by_output ? " by output" : " by input") + (bias ? " bias" : "") +
           (gelu ? " gelu" : "") + (residual ? " residual" : "");
  }
};

struct Problem {
  const PackedCase& c;
  std::vector<char> plain;
  std::vector<float> a, bias, residual, scale, start;
  PackedWeight packed;
  size_t lda, ldc;

  Problem(const Kernels& kernels, const PackedCase& x)
      : c(x),
        plain(make_plain(x)),
        bias(x.n),
        residual(x.m * x.n),
        scale(x.n),
        packed(kernels, Device::cpu().allocator(), {plain.data(), x.dtype, x.n, x.k, x.by_output}),
        lda(x.k + 3),
        ldc(x.n + 5) {
    a.assign(x.m * lda + 1, nan);
    for (size_t i = 0; i < x.m; i++) {
      // Rows of unlike ranges: all positive, all negative, all zero, and both signs.
      const float shift = i % 4 == 1 ? 1.5f : i % 4 == 2 ? -1.5f : 0.0f, factor = i % 7 == 3 ? 0.0f : 1.0f;
      for (size_t j = 0; j < x.k; j++) a[i * lda + j] = factor * (uniform(1, i * x.k + j) + shift);
    }
    for (size_t j = 0; j < x.n; j++) {
      bias[j] = uniform(3, j);
      scale[j] = 0.01f * (1.5f + uniform(4, j));
    }
    for (size_t i = 0; i < x.m * x.n; i++) residual[i] = uniform(5, i);
    start.assign((x.m + 2) * ldc, guard);
    for (size_t i = 0; i < x.m; i++) {
      for (size_t j = 0; j < x.n; j++) start[(i + 1) * ldc + j] = nan;
    }
  }

  static std::vector<char> make_plain(const PackedCase& x) {
    std::vector<char> plain(x.n * x.k * dtype_size(x.dtype));
    for (size_t i = 0; i < x.n * x.k; i++) {
      const float value = uniform(2, i);
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      const uint16_t half = static_cast<uint16_t>(bits >> 16);
      const int8_t byte = static_cast<int8_t>(value * 127.0f);
      if (x.dtype == DType::f32) std::memcpy(&plain[i * 4], &value, 4);
      if (x.dtype == DType::bf16) std::memcpy(&plain[i * 2], &half, 2);
      if (x.dtype == DType::i8) std::memcpy(&plain[i], &byte, 1);
    }
    return plain;
  }

  double weight(size_t column, size_t row) const {
    const size_t i = c.by_output ? column * c.k + row : row * c.n + column;
    if (c.dtype == DType::i8) return static_cast<int8_t>(plain[i]);
    uint32_t bits = 0;
    if (c.dtype == DType::f32) std::memcpy(&bits, &plain[i * 4], 4);
    if (c.dtype == DType::bf16) std::memcpy(reinterpret_cast<char*>(&bits) + 2, &plain[i * 2], 2);
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }

  std::vector<float> run(const Int8Tiles& int8) {
    std::vector<float> result = start;
    PackedGemm g;
    g.m = c.m;
    g.a = a.data();
    g.lda = lda;
    g.weight = &packed;
    g.weight_scale = scale.data();
    g.c = result.data() + ldc;
    g.ldc = ldc;
    g.bias = c.bias ? bias.data() : nullptr;
    g.activation = c.gelu ? Function::gelu : Function::identity;
    g.residual = c.residual ? residual.data() : nullptr;
    g.ld_residual = c.n;
    gemm_with(int8, g);
    return result;
  }
};

// The row as the kernel rounds it, after a look at whether it rounded to the nearest.
std::vector<double> rounded_row(const Problem& p, const Int8Tiles& int8, size_t row, Failures& failures) {
  const float* x = p.a.data() + row * p.lda;
  std::vector<uint8_t> q(p.c.k + 4, 77);
  float scale;
  int32_t zero;
  int8.quantize(q.data(), x, p.c.k, &scale, &zero);
  std::vector<double> values(p.c.k);
  for (size_t i = 0; i < p.c.k; i++) {
    values[i] = static_cast<double>(scale) * (q[i] - zero);
    if (!(std::fabs(values[i] - static_cast<double>(x[i])) <= 0.5001 * static_cast<double>(scale) + 1e-12)) {
      failures.push_back(p.c.name() + ": row " + std::to_string(row) + " is not rounded to the nearest");
      break;
    }
  }
  for (size_t i = p.c.k; i % 4 != 0; i++) {
    if (q[i] != 0) failures.push_back(p.c.name() + ": the padding of a rounded row is not 0");
  }
  return values;
}

void compare(const Problem& p, const Int8Tiles& int8, const std::vector<float>& result, Failures& failures) {
  const PackedCase& c = p.c;
  for (size_t i = 0; i < c.m; i++) {
    std::vector<double> row(p.a.begin() + static_cast<long>(i * p.lda),
                            p.a.begin() + static_cast<long>(i * p.lda + c.k));
    if (c.dtype == DType::i8) row = rounded_row(p, int8, i, failures);
    for (size_t j = 0; j < c.n; j++) {
      double sum = 0, size = 0;
      const double scale = c.dtype == DType::i8 ? static_cast<double>(p.scale[j]) : 1.0;
      for (size_t k = 0; k < c.k; k++) {
        const double product = row[k] * p.weight(j, k) * scale;
        sum += product;
        size += std::fabs(product);
      }
      if (c.bias) sum += static_cast<double>(p.bias[j]);
      if (c.gelu) sum = 0.5 * sum * std::erfc(-sum / std::sqrt(2.0));
      if (c.residual) sum += static_cast<double>(p.residual[i * c.n + j]);
      const double error = std::fabs(static_cast<double>(result[(i + 1) * p.ldc + j]) - sum);
      if (!(error <= 1e-6 * (size + 1.0) + 1e-6)) {
        failures.push_back(c.name() + ": element (" + std::to_string(i) + ", " + std::to_string(j) +
                           ") is off by " + std::to_string(error));
        return;
      }
    }
  }
  for (size_t i = 0; i < result.size(); i++) {
    const size_t row = i / p.ldc;
    const bool inside = row >= 1 && row <= c.m && i % p.ldc < c.n;
    if (!inside && result[i] != guard) {
      failures.push_back(c.name() + ": wrote outside C, at row " + std::to_string(row));
      return;
    }
  }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_case(const Kernels& kernels, const PackedCase& c, Failures& failures) {
  Problem p(kernels, c);
  const Int8Tiles& plain_tiles = *kernels.int8;
  set_thread_count(1);
  const std::vector<float> alone = p.run(plain_tiles);
  set_thread_count(3);
  const std::vector<float> three = p.run(plain_tiles);
  compare(p, plain_tiles, three, failures);
  if (!same_bits(alone, three)) failures.push_back(c.name() + ": 1 and 3 threads give other bits");
  const Int8Tiles& best = int8_tiles(kernels);
  if (c.dtype == DType::i8 && &best != &plain_tiles && !same_bits(p.run(best), three)) {
    failures.push_back(c.name() + ": dot-product instructions give other bits");
  }
  std::vector<char> back(p.plain.size(), 1);
  p.packed.restore(back.data());
  if (back != p.plain) failures.push_back(c.name() + ": restoring gives another weight");
}

// A row that holds an infinity or a NaN is NaN and harms no other.
void check_poisoned_row(const Kernels& kernels, Failures& failures) {
  const PackedCase c{3, 17, 21, DType::i8, true, false, false, false};
  for (float bad : {nan, std::numeric_limits<float>::infinity()}) {
    Problem p(kernels, c);
    const std::vector<float> good = p.run(*kernels.int8);
    p.a[p.lda + 20] = bad;
    const std::vector<float> result = p.run(*kernels.int8);
    for (size_t j = 0; j < c.n; j++) {
      if (!std::isnan(result[2 * p.ldc + j])) failures.push_back("packed i8: a poisoned row is not NaN");
      if (result[p.ldc + j] != good[p.ldc + j] || result[3 * p.ldc + j] != good[3 * p.ldc + j]) {
        failures.push_back("packed i8: a poisoned row changed another");
      }
    }
  }
}

}  // namespace

void check_packed(const Kernels& kernels, Failures& failures) {
  const int before = thread_count();
  const size_t sizes[][3] = {{0, 5, 7},   {5, 0, 7},     {3, 5, 0},     {1, 1, 1},     {1, 49, 6},
                             {2, 17, 31}, {9, 48, 64},   {10, 96, 50},  {16, 100, 33}, {17, 47, 64},
                             {49, 50, 9}, {1, 70, 1601}, {12, 40, 900}, {60, 97, 801}, {300, 130, 70}};
  int form = 0;
  for (const auto& size : sizes) {
    for (DType dtype : {DType::f32, DType::bf16, DType::i8}) {
      for (bool by_output : {true, false}) {
        form++;
        check_case(
            kernels,
            {size[0], size[1], size[2], dtype, by_output, (form & 1) != 0, form % 3 == 0, form % 5 < 2},
            failures);
      }
    }
  }
  check_poisoned_row(kernels, failures);
  set_thread_count(before);
}

}  // namespace detail
}  // namespace athanor
