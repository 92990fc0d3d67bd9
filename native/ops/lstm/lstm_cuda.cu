// lstm.h on CUDA: two launches a step, a product for the sequences alive and a kernel with a thread for each
// of their units. A sequence's place among the sequences, longest first, is found on the GPU; how many are
// alive at a step the host knows from the offsets. States lie by place.
#include "cuda/activations.h"
#include "cuda/bf16.h"
#include "cuda/gemm.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "ops/lstm/lstm.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

constexpr int threads = 128;

__device__ int64_t row_at(const int32_t* offsets, int64_t b, int64_t step, bool reverse) {
  return reverse ? offsets[b + 1] - 1 - step : offsets[b] + step;
}

// order[place] = b: the place is the number of sequences that come before.
__global__ void __launch_bounds__(threads)
    lstm_order_kernel(const int32_t* offsets, int64_t batch, int32_t* order) {
  const int64_t b = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (b >= batch) return;
  const int32_t length = offsets[b + 1] - offsets[b];
  int64_t place = 0;
  for (int64_t other = 0; other < batch; other++) {
    const int32_t theirs = offsets[other + 1] - offsets[other];
    place += theirs > length || (theirs == length && other < b);
  }
  order[place] = static_cast<int32_t>(b);
}

// One unit of one sequence: where this thread works. A step's arrays have a row for each place.
struct Unit {
  int64_t place, unit, sequence;

  __device__ Unit(int64_t index, int64_t hidden, const int32_t* order)
      : place(index / hidden), unit(index % hidden), sequence(order[place]) {}
};

__device__ int64_t thread_index() {
  return static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
}

// by_place (B, H) = given (B, H) in the plan's order, or zeros.
template <class T>
__global__ void __launch_bounds__(threads)
    lstm_start_kernel(const float* given, const int32_t* order, int64_t count, int64_t hidden, T* by_place) {
  const int64_t index = thread_index();
  if (index >= count) return;
  const Unit at(index, hidden, order);
  by_place[index] = from_float<T>(given ? given[at.sequence * hidden + at.unit] : 0.0f);
}

// The other way round.
__global__ void __launch_bounds__(threads) lstm_finish_kernel(const float* by_place, const int32_t* order,
                                                              int64_t count, int64_t hidden, float* result) {
  const int64_t index = thread_index();
  if (index >= count) return;
  const Unit at(index, hidden, order);
  result[at.sequence * hidden + at.unit] = by_place[index];
}

// What a step has of its own, by place.
template <class T>
struct StepForward {
  const int32_t* order;
  const float* products;  // (alive, 4H): h W^T; null: zeros
  T* h;                   // (alive, H), what the next product reads
  float *last, *c;        // (alive, H)
  int64_t step, alive;
};

template <class T>
__global__ void __launch_bounds__(threads) lstm_forward_kernel(LstmForward<T> a, StepForward<T> s) {
  const int64_t index = thread_index(), hidden = a.sizes.hidden;
  if (index >= s.alive * hidden) return;
  const Unit at(index, hidden, s.order);
  const int64_t row = row_at(a.offsets.data, at.sequence, s.step, a.sizes.reverse);
  float entered[4];
#pragma unroll
  for (int gate = 0; gate < 4; gate++) {
    entered[gate] = to_float(a.projected[row * a.projected_stride + gate * hidden + at.unit]);
    if (s.products) entered[gate] += s.products[(at.place * 4 + gate) * hidden + at.unit];
  }
  const float input = Logistic::value(entered[0]), forget = Logistic::value(entered[1]),
              candidate = tanhf(entered[2]), output = Logistic::value(entered[3]);
  const float c = forget * s.c[index] + input * candidate;
  const float h = output * tanhf(c);
  s.c[index] = c, s.last[index] = h, s.h[index] = from_float<T>(h);
  a.y[row * hidden + at.unit] = from_float<T>(h);
  if (!a.gates) return;
  float* gates = a.gates + row * 4 * hidden + at.unit;
  gates[0] = input, gates[hidden] = forget, gates[2 * hidden] = candidate, gates[3 * hidden] = output;
  a.cells[row * hidden + at.unit] = c;
}

template <class T>
struct StepBackward {
  const int32_t* order;
  float *dh, *dc;  // (alive, H): what arrives from the step after; dc leaves for the step before
  T* dgates;       // (alive, 4H), what the next product reads
  T* h_before;     // (T, H): by row, not by place; null where nobody needs it
  int64_t step, alive;
};

template <class T>
__global__ void __launch_bounds__(threads) lstm_backward_kernel(LstmBackward<T> a, StepBackward<T> s) {
  const int64_t index = thread_index(), hidden = a.sizes.hidden;
  if (index >= s.alive * hidden) return;
  const Unit at(index, hidden, s.order);
  const int64_t row = row_at(a.offsets.data, at.sequence, s.step, a.sizes.reverse);
  const int64_t row_before = row + (a.sizes.reverse ? 1 : -1);
  const float* gates = a.gates + row * 4 * hidden + at.unit;
  const float input = gates[0], forget = gates[hidden], candidate = gates[2 * hidden],
              output = gates[3 * hidden];
  float c_before = 0.0f, h_before = 0.0f;
  if (s.step > 0) {
    c_before = a.cells[row_before * hidden + at.unit];
    h_before = to_float(a.y[row_before * hidden + at.unit]);
  } else {
    if (a.c_0) c_before = a.c_0[at.sequence * hidden + at.unit];
    if (a.h_0) h_before = a.h_0[at.sequence * hidden + at.unit];
  }
  float dh = s.dh[index];
  if (a.dy) dh += to_float(a.dy[row * a.dy_stride + at.unit]);
  const float bounded = tanhf(a.cells[row * hidden + at.unit]);
  const float dc = s.dc[index] + dh * output * (1.0f - bounded * bounded);
  const float dgates[4] = {dc * candidate * input * (1.0f - input), dc * c_before * forget * (1.0f - forget),
                           dc * input * (1.0f - candidate * candidate),
                           dh * bounded * output * (1.0f - output)};
  s.dc[index] = dc * forget;
#pragma unroll
  for (int gate = 0; gate < 4; gate++) {
    const T d = from_float<T>(dgates[gate]);
    a.dprojected[(row * 4 + gate) * hidden + at.unit] = d;
    s.dgates[(at.place * 4 + gate) * hidden + at.unit] = d;
  }
  if (s.h_before) s.h_before[row * hidden + at.unit] = from_float<T>(h_before);
}

unsigned blocks_of(int64_t count) {
  return blocks_for(static_cast<size_t>(count), threads);
}

// The sequences of a call, longest first, and copies of states to that order and back.
class Places {
 public:
  Places(const Cuda& cuda, Indices offsets, const LstmSizes& sizes)
      : cuda_(cuda), count_(sizes.batch * sizes.hidden), hidden_(sizes.hidden), order_(cuda, sizes.batch) {
    if (sizes.batch == 0) return;
    launch(lstm_order_kernel, blocks_of(sizes.batch), threads, 0, cuda.stream, offsets.data, sizes.batch,
           order_.data());
  }

  template <class T>
  void start(const float* given, T* by_place) const {
    if (count_ == 0) return;
    launch(lstm_start_kernel<T>, blocks_of(count_), threads, 0, cuda_.stream, given, order_.data(), count_,
           hidden_, by_place);
  }
  void finish(const float* by_place, float* result) const {
    if (count_ == 0 || !result) return;
    launch(lstm_finish_kernel, blocks_of(count_), threads, 0, cuda_.stream, by_place, order_.data(), count_,
           hidden_, result);
  }
  const int32_t* order() const { return order_.data(); }

 private:
  const Cuda& cuda_;
  const int64_t count_, hidden_;
  const Scratch<int32_t> order_;
};

template <class T, class G>
void weight_gradient(const Cuda& cuda, const LstmBackward<T>& a, const T* h_before, G* dweight) {
  const int64_t hidden = a.sizes.hidden;
  gemm(cuda, DeviceGemm<T, T, G>{1,
                                 4 * hidden,
                                 hidden,
                                 a.sizes.rows,
                                 {a.dprojected, 4 * hidden, true},
                                 {h_before, hidden, false},
                                 {dweight, hidden}});
}

}  // namespace

template <class T>
void lstm_forward(Cuda cuda, const LstmForward<T>& a) {
  const LstmSizes& s = a.sizes;
  const HostIndices offsets(cuda, a.offsets, s.batch + 1);
  check_offsets(offsets.data(), s.batch, s.rows, "lstm", "offsets", ErrorCode::data);
  const int64_t states = s.batch * s.hidden;
  const LstmPlan plan = lstm_plan(offsets.data(), s.batch);
  const Places places(cuda, a.offsets, s);
  const Scratch<T> h(cuda, states);
  const Scratch<float> last(cuda, states), c(cuda, states), products(cuda, 4 * states);
  places.start(a.h_0, h.data());
  places.start(a.h_0, last.data());
  places.start(a.c_0, c.data());
  const int64_t steps = s.hidden == 0 ? 0 : static_cast<int64_t>(plan.alive.size());
  for (int64_t step = 0; step < steps; step++) {
    const int64_t alive = plan.alive[static_cast<size_t>(step)];
    const bool recurs = step > 0 || a.h_0;
    if (recurs) {
      gemm(cuda, DeviceGemm<T, T, float>{1,
                                         alive,
                                         4 * s.hidden,
                                         s.hidden,
                                         {h.data(), s.hidden, false},
                                         {a.weight, s.hidden, true},
                                         {products.data(), 4 * s.hidden}});
    }
    launch(lstm_forward_kernel<T>, blocks_of(alive * s.hidden), threads, 0, cuda.stream, a,
           StepForward<T>{places.order(), recurs ? products.data() : nullptr, h.data(), last.data(), c.data(),
                          step, alive});
  }
  places.finish(last.data(), a.h_n);
  places.finish(c.data(), a.c_n);
}

template <class T>
void lstm_backward(Cuda cuda, const LstmBackward<T>& a) {
  const LstmSizes& s = a.sizes;
  const HostIndices offsets(cuda, a.offsets, s.batch + 1);
  const int64_t states = s.batch * s.hidden;
  const LstmPlan plan = lstm_plan(offsets.data(), s.batch);
  const Places places(cuda, a.offsets, s);
  const Scratch<float> dh(cuda, states), dc(cuda, states);
  const Scratch<T> dgates(cuda, 4 * states), h_before(cuda, a.dweight.data ? s.rows * s.hidden : 0);
  places.start(a.dh_n, dh.data());
  places.start(a.dc_n, dc.data());
  const int64_t steps = s.hidden == 0 ? 0 : static_cast<int64_t>(plan.alive.size());
  for (int64_t step = steps - 1; step >= 0; step--) {
    const int64_t alive = plan.alive[static_cast<size_t>(step)];
    launch(lstm_backward_kernel<T>, blocks_of(alive * s.hidden), threads, 0, cuda.stream, a,
           StepBackward<T>{places.order(), dh.data(), dc.data(), dgates.data(),
                           a.dweight.data ? h_before.data() : nullptr, step, alive});
    if (step == 0 && !a.dh_0) break;
    gemm(cuda, DeviceGemm<T, T, float>{1,
                                       alive,
                                       s.hidden,
                                       4 * s.hidden,
                                       {dgates.data(), 4 * s.hidden, false},
                                       {a.weight, s.hidden, false},
                                       {dh.data(), s.hidden}});
  }
  places.finish(dh.data(), a.dh_0);
  places.finish(dc.data(), a.dc_0);
  if (!a.dweight.data) return;
  if (a.dweight.dtype == DType::f32) {
    weight_gradient(cuda, a, h_before.data(), static_cast<float*>(a.dweight.data));
  } else {
    weight_gradient(cuda, a, h_before.data(), static_cast<T*>(a.dweight.data));
  }
}

template void lstm_forward(Cuda, const LstmForward<float>&);
template void lstm_forward(Cuda, const LstmForward<bf16>&);
template void lstm_backward(Cuda, const LstmBackward<float>&);
template void lstm_backward(Cuda, const LstmBackward<bf16>&);

}  // namespace athanor
