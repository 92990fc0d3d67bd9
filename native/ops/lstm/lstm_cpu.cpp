// lstm.h on the CPU: a product for every step, by a weight that is packed once per call, then the cells of
// the sequences alive, a row to a job. States lie in the plan's order, longest sequence first.
#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/packed_buffer.h"
#include "cpu/packed_gemm.h"
#include "cpu/pool.h"
#include "ops/lstm/lstm.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

size_t size(int64_t n) {
  return static_cast<size_t>(n);
}

// Where step `step` of sequence b lies.
int64_t row_at(const int32_t* offsets, int64_t b, int64_t step, bool reverse) {
  return reverse ? offsets[b + 1] - 1 - step : offsets[b] + step;
}

// Cells to a job: some ten thousand elements.
size_t grain_of(int64_t hidden) {
  return size(8192 / (4 * hidden) + 1);
}

// The recurrent weight, laid out for products by W^T (H to 4H) or by W (4H to H).
PackedWeight packed(const float* weight, int64_t hidden, bool transposed) {
  const size_t h = size(hidden);
  const PlainWeight plain{weight, DType::f32, transposed ? 4 * h : h, transposed ? h : 4 * h, transposed};
  return PackedWeight(kernels(), Device::cpu().allocator(), plain);
}

void product(float* c, const float* a, const PackedWeight& weight, int64_t rows) {
  PackedGemm g;
  g.m = size(rows);
  g.a = a, g.lda = weight.k;
  g.weight = &weight;
  g.c = c, g.ldc = weight.n;
  gemm(g);
}

// states (B, H) in the plan's order = given (B, H), or zeros.
void start(float* states, const float* given, const LstmPlan& plan, int64_t hidden) {
  for (size_t place = 0; place < plan.order.size(); place++) {
    float* state = states + place * size(hidden);
    if (given) {
      std::copy_n(given + plan.order[place] * hidden, hidden, state);
    } else {
      std::fill_n(state, hidden, 0.0f);
    }
  }
}

void finish(float* result, const float* states, const LstmPlan& plan, int64_t hidden) {
  if (!result) return;
  for (size_t place = 0; place < plan.order.size(); place++) {
    std::copy_n(states + place * size(hidden), hidden, result + plan.order[place] * hidden);
  }
}

// One row: gates (4H) from what entered them, then the states h and c.
void cell_forward(float* gates, float* h, float* c, size_t hidden) {
  const Kernels& k = kernels();
  float *input = gates, *forget = gates + hidden, *candidate = gates + 2 * hidden,
        *output = gates + 3 * hidden;
  k.function(Function::sigmoid, input, input, 2 * hidden);
  k.function(Function::tanh, candidate, candidate, hidden);
  k.function(Function::sigmoid, output, output, hidden);
  k.arithmetic(Arithmetic::multiply, c, c, forget, hidden);
  k.add_product(c, input, candidate, hidden);
  k.function(Function::tanh, h, c, hidden);
  k.arithmetic(Arithmetic::multiply, h, h, output, hidden);
}

// One row: the gradient of what entered the gates, and in dc that of the cell before. `bounded`: tanh(c).
void cell_backward(float* dgates, float* dc, const float* dh, const float* gates, const float* c_before,
                   const float* bounded, size_t hidden) {
  for (size_t i = 0; i < hidden; i++) {
    const float input = gates[i], forget = gates[hidden + i], candidate = gates[2 * hidden + i],
                output = gates[3 * hidden + i];
    const float before = c_before ? c_before[i] : 0.0f;
    const float dcell = dc[i] + dh[i] * output * (1.0f - bounded[i] * bounded[i]);
    dgates[i] = dcell * candidate * input * (1.0f - input);
    dgates[hidden + i] = dcell * before * forget * (1.0f - forget);
    dgates[2 * hidden + i] = dcell * input * (1.0f - candidate * candidate);
    dgates[3 * hidden + i] = dh[i] * bounded[i] * output * (1.0f - output);
    dc[i] = dcell * forget;
  }
}

// The h or c that a row began with: that of the step before, or of the start; null: zeros.
const float* before(const float* all, const float* first, const int32_t* offsets, int64_t b, int64_t step,
                    const LstmSizes& s) {
  if (step > 0) return all + row_at(offsets, b, step - 1, s.reverse) * s.hidden;
  return first ? first + b * s.hidden : nullptr;
}

void weight_gradient(const LstmBackward<float>& a, const float* h_before) {
  Gemm g;
  g.m = size(4 * a.sizes.hidden), g.n = size(a.sizes.hidden), g.k = size(a.sizes.rows);
  g.a = a.dprojected, g.lda = g.m, g.a_transposed = true;
  g.b = h_before, g.ldb = g.n;
  g.c = static_cast<float*>(a.dweight.data), g.ldc = g.n;
  gemm(g);
}

}  // namespace

void lstm_forward(Cpu, const LstmForward<float>& a) {
  const LstmSizes& s = a.sizes;
  const int32_t* offsets = a.offsets.data;
  check_offsets(Cpu{}, a.offsets, s.batch, s.rows, "lstm", "offsets");
  if (s.batch == 0 || s.hidden == 0) return;
  const LstmPlan plan = lstm_plan(offsets, s.batch);
  const size_t hidden = size(s.hidden);
  const PackedBuffer states(2 * size(s.batch) * hidden), products(size(s.batch) * 4 * hidden);
  float *h = states.data(), *c = h + size(s.batch) * hidden;  // (B, H) each
  start(h, a.h_0, plan, s.hidden);
  start(c, a.c_0, plan, s.hidden);
  const PackedWeight weight = packed(a.weight, s.hidden, true);
  for (size_t step = 0; step < plan.alive.size(); step++) {
    const bool recurs = step > 0 || a.h_0;
    if (recurs) product(products.data(), h, weight, plan.alive[step]);
    parallel_ranges(size(plan.alive[step]), grain_of(s.hidden), [&](size_t begin, size_t end, Worker&) {
      for (size_t place = begin; place < end; place++) {
        const int64_t row = row_at(offsets, plan.order[place], static_cast<int64_t>(step), s.reverse);
        const float* projected = a.projected + row * a.projected_stride;
        float* product = products.data() + place * 4 * hidden;
        float* gates = a.gates ? a.gates + size(row) * 4 * hidden : product;
        if (recurs) {
          kernels().arithmetic(Arithmetic::add, gates, projected, product, 4 * hidden);
        } else {
          std::copy_n(projected, 4 * hidden, gates);
        }
        cell_forward(gates, h + place * hidden, c + place * hidden, hidden);
        std::copy_n(h + place * hidden, hidden, a.y + size(row) * hidden);
        if (a.cells) std::copy_n(c + place * hidden, hidden, a.cells + size(row) * hidden);
      }
    });
  }
  finish(a.h_n, h, plan, s.hidden);
  finish(a.c_n, c, plan, s.hidden);
}

void lstm_backward(Cpu, const LstmBackward<float>& a) {
  const LstmSizes& s = a.sizes;
  const int32_t* offsets = a.offsets.data;
  const size_t hidden = size(s.hidden), batch = size(s.batch);
  const LstmPlan plan = lstm_plan(offsets, s.batch);
  const PackedBuffer states(2 * batch * hidden), steps(batch * 4 * hidden);
  const PackedBuffer h_before(a.dweight.data ? size(s.rows) * hidden : 0);
  float *dh = states.data(), *dc = dh + batch * hidden;  // of what the sequence hands on
  start(dh, a.dh_n, plan, s.hidden);
  start(dc, a.dc_n, plan, s.hidden);
  if (s.hidden > 0 && s.rows > 0) {
    const PackedWeight weight = packed(a.weight, s.hidden, false);
    for (int64_t step = static_cast<int64_t>(plan.alive.size()) - 1; step >= 0; step--) {
      const int64_t alive = plan.alive[size(step)];
      parallel_ranges(size(alive), grain_of(s.hidden), [&](size_t begin, size_t end, Worker& worker) {
        float* bounded = worker.floats(hidden);
        for (size_t place = begin; place < end; place++) {
          const int64_t b = plan.order[place], row = row_at(offsets, b, step, s.reverse);
          float* dh_row = dh + place * hidden;
          if (a.dy) {
            kernels().arithmetic(Arithmetic::add, dh_row, dh_row, a.dy + row * a.dy_stride, hidden);
          }
          kernels().function(Function::tanh, bounded, a.cells + size(row) * hidden, hidden);
          float* dgates = a.dprojected + size(row) * 4 * hidden;
          cell_backward(dgates, dc + place * hidden, dh_row, a.gates + size(row) * 4 * hidden,
                        before(a.cells, a.c_0, offsets, b, step, s), bounded, hidden);
          std::copy_n(dgates, 4 * hidden, steps.data() + place * 4 * hidden);
          if (!a.dweight.data) continue;
          const float* h = before(a.y, a.h_0, offsets, b, step, s);
          float* to = h_before.data() + size(row) * hidden;
          if (h) {
            std::copy_n(h, hidden, to);
          } else {
            std::fill_n(to, hidden, 0.0f);
          }
        }
      });
      if (step > 0 || a.dh_0) product(dh, steps.data(), weight, alive);
    }
  }
  finish(a.dh_0, dh, plan, s.hidden);
  finish(a.dc_0, dc, plan, s.hidden);
  if (a.dweight.data) weight_gradient(a, h_before.data());
}

}  // namespace athanor
