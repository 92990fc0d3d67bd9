// An attention problem on the device: forward, weights and all gradients against loops in double. The error
// allowed is twice (fp32: four times) the largest that the same loops make when they round as T does.
#pragma once

#include "cuda/check/attention_problem.h"

namespace athanor {

// Rows `stride` apart with NaN between them.
inline std::vector<float> padded_rows(const std::vector<float>& values, int64_t width, int64_t stride) {
  const size_t rows = width == 0 ? 0 : values.size() / static_cast<size_t>(width);
  std::vector<float> result(rows * static_cast<size_t>(stride), NAN);
  for (size_t i = 0; i < values.size(); i++) {
    const size_t w = static_cast<size_t>(width);
    result[i / w * static_cast<size_t>(stride) + i % w] = values[i];
  }
  return result;
}

// What lies between rows must still be what it was: nothing but NaN.
inline std::vector<float> unpadded(KernelCheck& check, const std::vector<float>& values, int64_t width,
                                   int64_t stride) {
  std::vector<float> result;
  bool untouched = true;
  for (size_t i = 0; i < values.size(); i++) {
    if (static_cast<int64_t>(i) % stride < width) {
      result.push_back(values[i]);
    } else {
      untouched = untouched && std::isnan(values[i]);
    }
  }
  check.expect(untouched, "what lies between the rows is left alone");
  return result;
}

template <class T>
void compare(KernelCheck& check, const std::string& what, const std::vector<float>& got,
             const std::vector<double>& exact, const std::vector<double>& plain) {
  double error = 0, largest = 0;
  for (size_t i = 0; i < exact.size(); i++) {
    if (std::isinf(exact[i])) continue;
    error = std::max(error, std::abs(plain[i] - exact[i]));
    largest = std::max(largest, std::abs(exact[i]));
  }
  const double times = sizeof(T) == 4 ? 4 : 2, unit = sizeof(T) == 4 ? 0x1p-23 : 0x1p-8;
  check.close(what, got, exact, {std::max(times * error, unit * largest) + 1e-7, 0});
}

template <class T>
struct AttentionRun {
  const AttentionProblem& problem;
  KernelCheck& check;
  const int64_t width = problem.width(), stride = width + problem.c.padding;
  const DeviceArray<int32_t> offsets{problem.offsets}, key_offsets{problem.key_offsets};
  const DeviceArray<T> q = rows(problem.q), k = rows(problem.k), v = rows(problem.v), d_o = rows(problem.d_o);
  const DeviceArray<float> bias{problem.bias}, table{problem.table};
  const DeviceArray<T> o{problem.q.size(), problem.c.misaligned};
  const DeviceArray<float> lse{static_cast<size_t>(problem.settings.heads * problem.settings.q_rows)};

  DeviceArray<T> rows(const std::vector<float>& values) const {
    return DeviceArray<T>(padded_rows(values, width, stride), problem.c.misaligned);
  }
  DeviceArray<T> gradient(const std::vector<float>& values) const {
    return rows(std::vector<float>(values.size(), NAN));
  }

  AttentionInputs<T> inputs() const {
    AttentionInputs<T> in{};
    static_cast<AttentionSettings&>(in) = problem.settings;
    in.q = q.data(), in.k = k.data(), in.v = v.data();
    in.q_stride = in.k_stride = in.v_stride = stride;
    in.offsets = {offsets.data(), problem.offsets.data()};
    in.key_offsets = {key_offsets.data(), nullptr};
    in.bias = problem.c.bias_batch ? bias.data() : nullptr;
    in.table = problem.c.buckets ? table.data() : nullptr, in.table_dtype = DType::f32;
    return in;
  }

  void forward(const AttentionResults& exact, const AttentionResults& plain) const {
    attention_forward(check.cuda, AttentionForward<T>{inputs(), o.data(), lse.data()});
    compare<T>(check, "o", o.floats(), exact.o, plain.o);
    compare<T>(check, "lse", lse.floats(), exact.lse, plain.lse);
  }

  void weights(const AttentionResults& exact, const AttentionResults& plain) const {
    const DeviceArray<float> result(exact.weights.size());
    attention_weights(check.cuda, AttentionWeights<T>{inputs(), lse.data(), result.data()});
    compare<T>(check, "weights", result.floats(), exact.weights, plain.weights);
  }

  void backward(const AttentionResults& exact, const AttentionResults& plain) const {
    const DeviceArray<T> dq = gradient(problem.q), dk = gradient(problem.k), dv = gradient(problem.v);
    const DeviceArray<float> dbias(problem.bias.size()), dtable(problem.table.size());
    AttentionBackward<T> a{};
    a.in = inputs();
    a.o = o.data(), a.lse = lse.data();
    a.d_o = d_o.data(), a.d_o_stride = stride;
    a.dq = dq.data(), a.dk = dk.data(), a.dv = dv.data();
    a.dq_stride = a.dk_stride = a.dv_stride = stride;
    a.dbias = a.in.bias ? dbias.data() : nullptr;
    a.dtable = a.in.table ? dtable.data() : nullptr, a.dtable_dtype = DType::f32;
    attention_backward(check.cuda, a);
    compare<T>(check, "dq", unpadded(check, dq.floats(), width, stride), exact.dq, plain.dq);
    compare<T>(check, "dk", unpadded(check, dk.floats(), width, stride), exact.dk, plain.dk);
    compare<T>(check, "dv", unpadded(check, dv.floats(), width, stride), exact.dv, plain.dv);
    compare<T>(check, "dbias", dbias.floats(), exact.dbias, plain.dbias);
    compare<T>(check, "dtable", dtable.floats(), exact.dtable, plain.dtable);
  }
};

template <class T>
void check_attention(KernelCheck& check, const AttentionCase& c) {
  AttentionProblem problem(check.random, c);
  problem.round_to<T>();
  const AttentionResults exact = problem.solve<Exact>(), plain = problem.solve<Plain<T>>();
  const AttentionRun<T> run{problem, check};
  run.forward(exact, plain);
  run.weights(exact, plain);
  run.backward(exact, plain);
}

inline AttentionCase lengths(std::vector<int> rows, std::vector<int> keys = {}) {
  AttentionCase c;
  c.rows = std::move(rows), c.keys = std::move(keys);
  return c;
}

}  // namespace athanor
