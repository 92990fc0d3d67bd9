// Matrix products against a plain double loop: all forms and epilogues, sizes 0, 1, odd, off the blocks and
// large. Gaps between rows of A and B hold NaN, C starts as NaN where it is not read, and what lies around
// C must not change. The same bits must come from any number of threads.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/random.h"
#include "cpu/check.h"
#include "cpu/gemm.h"
#include "cpu/kernels.h"

namespace athanor {
namespace detail {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float guard = 12345.0f;

struct Size {
  size_t m, n, k;
};

struct Form {
  const char* name;
  float scale;
  bool accumulate, bias, pre_activation;
  Function activation;
};

const Form forms[] = {
    {"plain", 1.0f, false, false, false, Function::identity},
    {"scale", 0.25f, false, false, false, Function::identity},
    {"accumulate", -0.5f, true, false, false, Function::identity},
    {"bias", 1.0f, false, true, false, Function::identity},
    {"bias and gelu, both stored", 2.0f, false, true, true, Function::gelu},
    {"tanh", 1.0f, false, false, false, Function::tanh},
    {"stored before identity", 1.0f, false, true, true, Function::identity},
};

float uniform(uint64_t seed, uint64_t index) {
  return static_cast<float>(philox_word(seed, 0, index)) / 2147483648.0f - 1.0f;
}

// (rows, columns) with NaN in the gap after each row and behind the last.
std::vector<float> matrix(size_t rows, size_t columns, size_t ld, uint64_t seed) {
  std::vector<float> values(rows * ld + 1, nan);
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) values[i * ld + j] = uniform(seed, i * columns + j);
  }
  return values;
}

struct Case {
  Size size;
  bool a_transposed, b_transposed;
  Form form;
  std::vector<float> a, b, bias, start;
  Gemm gemm;

  Case(Size size, bool a_transposed, bool b_transposed, const Form& form)
      : size(size), a_transposed(a_transposed), b_transposed(b_transposed), form(form) {
    size_t m = size.m, n = size.n, k = size.k;
    gemm.m = m;
    gemm.n = n;
    gemm.k = k;
    gemm.a_transposed = a_transposed;
    gemm.b_transposed = b_transposed;
    gemm.lda = (a_transposed ? m : k) + 1;
    gemm.ldb = (b_transposed ? k : n) + 2;
    gemm.ldc = n + 3;
    a = a_transposed ? matrix(k, m, gemm.lda, 1) : matrix(m, k, gemm.lda, 1);
    b = b_transposed ? matrix(n, k, gemm.ldb, 2) : matrix(k, n, gemm.ldb, 2);
    bias = matrix(1, n, n, 3);
    start.assign((m + 2) * gemm.ldc, guard);
    for (size_t i = 0; i < m; i++) {
      for (size_t j = 0; j < n; j++) start[at(i, j)] = form.accumulate ? uniform(4, i * n + j) : nan;
    }
    gemm.a = a.data();
    gemm.b = b.data();
    gemm.scale = form.scale;
    gemm.accumulate = form.accumulate;
    if (form.bias) gemm.bias = bias.data();
    gemm.activation = form.activation;
  }

  size_t at(size_t i, size_t j) const { return (i + 1) * gemm.ldc + j; }  // one row of guards before C

  std::string name() const {
    return "gemm " + std::to_string(size.m) + "x" + std::to_string(size.n) + "x" + std::to_string(size.k) +
           (a_transposed ? " A^T" : "") + (b_transposed ? " B^T" : "") + " " + form.name;
  }
};

double activation(Function f, double x) {
  if (f == Function::gelu) return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  return f == Function::tanh ? std::tanh(x) : x;
}

// Compares one result; `bound` of each element grows with the terms that were added.
void compare(const Case& c, const std::vector<float>& result, const std::vector<float>& before_activation,
             Failures& failures) {
  const Gemm& g = c.gemm;
  std::vector<double> sums(g.n), sizes(g.n);
  for (size_t i = 0; i < g.m; i++) {
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(sizes.begin(), sizes.end(), 0.0);
    for (size_t k = 0; k < g.k; k++) {
      double a = g.a_transposed ? g.a[k * g.lda + i] : g.a[i * g.lda + k];
      for (size_t j = 0; j < g.n; j++) {
        double product = a * (g.b_transposed ? g.b[j * g.ldb + k] : g.b[k * g.ldb + j]);
        sums[j] += product;
        sizes[j] += std::fabs(product);
      }
    }
    for (size_t j = 0; j < g.n; j++) {
      double expected = sums[j] * g.scale;
      if (g.accumulate) expected += c.start[c.at(i, j)];
      if (g.bias != nullptr) expected += g.bias[j];
      double bound = 1e-6 * (sizes[j] * std::fabs(g.scale) + 1.0) + 1e-6;
      double error = std::fabs(result[c.at(i, j)] - activation(g.activation, expected));
      if (c.form.pre_activation) {
        error = std::fmax(error, std::fabs(before_activation[c.at(i, j)] - expected));
        if (std::isnan(before_activation[c.at(i, j)])) error = nan;
      }
      if (!(error <= bound)) {
        failures.push_back(c.name() + ": element (" + std::to_string(i) + ", " + std::to_string(j) +
                           ") is off by " + std::to_string(error));
        return;
      }
    }
  }
}

void check_guards(const Case& c, const std::vector<float>& result, Failures& failures) {
  for (size_t i = 0; i < result.size(); i++) {
    size_t row = i / c.gemm.ldc, column = i % c.gemm.ldc;
    bool inside = row >= 1 && row <= c.gemm.m && column < c.gemm.n;
    if (!inside && result[i] != guard) {
      failures.push_back(c.name() + ": wrote outside C, at row " + std::to_string(row) + " column " +
                         std::to_string(column));
      return;
    }
  }
}

std::vector<float> run(const Kernels& kernels, Case& c, bool serial, std::vector<float>* before_activation) {
  std::vector<float> result = c.start;
  *before_activation = c.start;
  c.gemm.c = result.data() + c.gemm.ldc;
  c.gemm.pre_activation = c.form.pre_activation ? before_activation->data() + c.gemm.ldc : nullptr;
  if (serial) {
    parallel_for(1, [&](size_t, Worker& worker) { gemm_serial_with(kernels, c.gemm, worker); });
  } else {
    gemm_with(kernels, c.gemm);
  }
  return result;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_case(const Kernels& kernels, Case& c, Failures& failures) {
  std::vector<float> before, result = run(kernels, c, false, &before);
  compare(c, result, before, failures);
  check_guards(c, result, failures);
  if (c.form.pre_activation) check_guards(c, before, failures);
  std::vector<float> serial_before, serial = run(kernels, c, true, &serial_before);
  if (!same_bits(serial, result) || !same_bits(serial_before, before)) {
    failures.push_back(c.name() + ": gemm_serial gives other bits than gemm");
  }
}

}  // namespace

void check_gemm(const Kernels& kernels, Failures& failures) {
  int before = thread_count();
  const Size small[] = {{0, 5, 7},   {5, 0, 7},    {5, 7, 0},    {1, 1, 1},    {1, 1, 8},    {1, 3, 2},
                        {2, 17, 5},  {3, 16, 16},  {4, 33, 19},  {5, 47, 9},   {9, 48, 7},   {10, 49, 31},
                        {16, 64, 9}, {17, 31, 33}, {19, 100, 1}, {31, 15, 50}, {1, 130, 67}, {63, 64, 65}};
  for (Size size : small) {
    for (int shape = 0; shape < 4; shape++) {
      for (const Form& form : forms) {
        Case c(size, shape & 1, shape & 2, form);
        check_case(kernels, c, failures);
      }
    }
  }
  // More than one block of rows, of columns and of k; jobs that pack for themselves and that share.
  const Size large[] = {{128, 128, 64}, {257, 95, 800}, {300, 193, 130}, {70, 500, 1601}, {600, 50, 300}};
  for (Size size : large) {
    for (int shape = 0; shape < 4; shape++) {
      for (int form : {shape, 4}) {
        Case c(size, shape & 1, shape & 2, forms[form]);
        set_thread_count(1);
        std::vector<float> alone_before, alone = run(kernels, c, false, &alone_before);
        set_thread_count(3);
        check_case(kernels, c, failures);
        std::vector<float> three_before, three = run(kernels, c, false, &three_before);
        if (!same_bits(alone, three)) failures.push_back(c.name() + ": 1 and 3 threads give other bits");
      }
    }
  }
  set_thread_count(before);
}

}  // namespace detail
}  // namespace athanor
