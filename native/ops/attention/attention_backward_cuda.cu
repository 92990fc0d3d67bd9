// CUDA backward: delta, then dQ (and, by the way, the table's gradient), dK with dV, and dbias, each by a
// kernel that recomputes P and dS. Not yet run on a GPU.
#include "cuda/reduce.h"
#include "cuda/sums.h"
#include "ops/attention/attention_hopper.h"
#include "ops/attention/attention_launch.h"

namespace athanor {

namespace {

constexpr int delta_threads = 256, delta_lanes = 8;  // 8 lanes read 64 bf16, the usual head, at once

// delta (H, Tq) = the sum of dO O over a head.
template <class T>
__global__ void __launch_bounds__(delta_threads)
    attention_delta_kernel(const T* o, const T* d_o, int64_t d_o_stride, int64_t rows, int heads,
                           int head_size, bool vectors, float* delta) {
  constexpr int each = 16 / static_cast<int>(sizeof(T));
  const int64_t team = (static_cast<int64_t>(blockIdx.x) * delta_threads + threadIdx.x) / delta_lanes;
  const int lane = static_cast<int>(threadIdx.x) % delta_lanes;
  const int64_t row = team / heads;
  const int head = static_cast<int>(team % heads);
  float sum = 0.0f;
  if (row < rows) {
    const T* left = o + (row * heads + head) * head_size;
    const T* right = d_o + row * d_o_stride + head * head_size;
    if (vectors) {
      for (int d = lane * each; d < head_size; d += delta_lanes * each) {
        const Vector<T, each> x = load_vector<each>(left + d), y = load_vector<each>(right + d);
#pragma unroll
        for (int i = 0; i < each; i++) sum = fmaf(to_float(x[i]), to_float(y[i]), sum);
      }
    } else {
      for (int d = lane; d < head_size; d += delta_lanes)
        sum = fmaf(to_float(left[d]), to_float(right[d]), sum);
    }
  }
  sum = warp_sum<delta_lanes>(sum);
  if (row < rows && lane == 0) delta[head * rows + row] = sum;
}

struct Itself {
  __device__ float operator()(float x) const { return x; }
};

void add_tables(const Cuda& cuda, const Scratch<float>& partial, int64_t slots, int64_t width, void* dtable,
                DType dtype) {
  const auto add = [&](auto* to) {
    sum_columns(cuda, Itself{}, to, 1.0, 1, slots, width, elements<float>(partial.data(), width));
  };
  if (dtype == DType::f32) {
    add(static_cast<float*>(dtable));
  } else {
    add(static_cast<bf16*>(dtable));
  }
}

template <Side side, class T>
void launch_gradient(const Cuda& cuda, const AttentionBackward<T>& a, bool options,
                     const GradientOperands<T>& operands, const GradientResults<T>& results) {
  if constexpr (std::is_same<T, bf16>::value) {
    if (hopper_attention_wanted() &&
        use_hopper_attention(cuda.properties->capability, a.in, operands.in.vectors)) {
      return attention_gradient_hopper<side>(cuda, a, operands, results);
    }
  }
  const int64_t rows = side == Side::queries ? a.in.q_rows : a.in.k_rows;
  launch_attention_gradient<T, side>(cuda, attention_grid(rows, a.in), options, operands, results);
}

template <class T>
void query_gradients(const Cuda& cuda, const AttentionBackward<T>& a, bool options,
                     const GradientOperands<T>& operands) {
  const int64_t slots = attention_slots(a.in.q_rows, a.in.batch), width = a.in.buckets * a.in.heads;
  const Scratch<float> partial(cuda, a.dtable ? slots * width : 0);
  const GradientResults<T> results{a.dq, nullptr, a.dq_stride, 0, a.dtable ? partial.data() : nullptr};
  launch_gradient<Side::queries>(cuda, a, options, operands, results);
  if (a.dtable) add_tables(cuda, partial, slots, width, a.dtable, a.dtable_dtype);
}

}  // namespace

template <class T>
void attention_backward(Cuda cuda, const AttentionBackward<T>& a) {
  const AttentionSetup<T> setup(cuda, a.in,
                                {{a.o, a.in.heads * a.in.head_size},
                                 {a.d_o, a.d_o_stride},
                                 {a.dq, a.dq_stride},
                                 {a.dk, a.dk_stride},
                                 {a.dv, a.dv_stride}});
  const AttentionOperands<T>& in = setup.operands;
  const Scratch<float> delta(cuda, a.in.heads * a.in.q_rows);
  if (a.in.q_rows > 0) {
    const size_t teams = static_cast<size_t>(a.in.q_rows * a.in.heads);
    launch(attention_delta_kernel<T>, blocks_for(teams * delta_lanes, delta_threads), delta_threads, 0,
           cuda.stream, a.o, a.d_o, a.d_o_stride, a.in.q_rows, in.heads, in.head_size, in.vectors,
           delta.data());
  }
  const GradientOperands<T> operands{in, a.d_o, a.d_o_stride, a.lse, delta.data()};
  if (a.dtable || (a.dq && a.in.q_rows > 0)) query_gradients(cuda, a, setup.options, operands);
  if ((a.dk || a.dv) && a.in.k_rows > 0) {
    const GradientResults<T> results{a.dk, a.dv, a.dk_stride, a.dv_stride, nullptr};
    launch_gradient<Side::keys>(cuda, a, setup.options, operands, results);
  }
  if (a.dbias) launch_bias_gradient(cuda, a.in.bias_batch, operands, a.dbias);
}

template void attention_backward(Cuda, const AttentionBackward<float>&);
template void attention_backward(Cuda, const AttentionBackward<bf16>&);

}  // namespace athanor
