// The vector primitives of the CPU, compiled once per instruction set in cpu/isa/ and reached through one
// table of functions chosen at load (ATHANOR_ISA=generic|avx2|avx512|neon forces one). Each works on one
// thread; ops call them from parallel_for. Pointers need no alignment; outputs may equal inputs, but must
// not overlap them otherwise; n may be 0. Errors are bounded as documented in docs/numerics.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/function.h"

namespace athanor {

struct AdamwStep {
  float learning_rate, beta1, beta2, eps, weight_decay;
  float bias_correction1, bias_correction2;  // 1 - beta1^t, 1 - beta2^t
  float gradient_scale;                      // the clip factor
  // 1 - beta, from the double: 1.0f - 0.999f is off by 1e-5, and every step with it.
  float one_minus_beta1, one_minus_beta2;
};

struct SgdStep {
  float learning_rate, momentum, dampening, weight_decay;
  bool nesterov;
  bool first;  // the momentum buffer starts as the gradient, undamped (as PyTorch)
  float gradient_scale;
};

struct AdagradStep {
  float learning_rate, eps, weight_decay;
  float gradient_scale;
};

struct RmspropStep {
  float learning_rate, alpha, one_minus_alpha, eps, momentum, weight_decay;
  float gradient_scale;
};

// cpu/isa/: what gemm.cpp and packed_gemm.cpp need of an instruction set.
struct GemmTiles;
struct StreamTiles;
struct Int8Tiles;
struct HeadKernels;  // what ops/attention needs of one

struct Kernels {
  const char* isa;
  const GemmTiles* gemm;
  const StreamTiles* stream;
  const Int8Tiles* int8;
  const Int8Tiles* int8_vnni;  // only where the processor has it: see int8_tiles()
  const HeadKernels* head;

  // y = a op b; the scalar forms broadcast one side.
  void (*arithmetic)(Arithmetic op, float* y, const float* a, const float* b, size_t n);
  void (*arithmetic_scalar)(Arithmetic op, float* y, const float* a, float b, size_t n);
  void (*scalar_arithmetic)(Arithmetic op, float* y, float a, const float* b, size_t n);

  // y = f(x); dx = dy * f'(x), with y = f(x) given too (may be null for the activations, which use x alone;
  // exp and sqrt use y).
  void (*function)(Function f, float* y, const float* x, size_t n);
  void (*function_backward)(Function f, float* dx, const float* dy, const float* x, const float* y, size_t n);
  // y = f(gate) up, and its gradients; activations only (none beyond sigmoid).
  void (*gated)(Function f, float* y, const float* gate, const float* up, size_t n);
  void (*gated_backward)(Function f, float* dgate, float* dup, const float* dy, const float* gate,
                         const float* up, size_t n);

  void (*fill)(float* y, float value, size_t n);
  void (*scale)(float* y, float alpha, const float* x, size_t n);           // y = alpha x
  void (*axpy)(float* y, float alpha, const float* x, size_t n);            // y += alpha x
  void (*add_product)(float* y, const float* a, const float* b, size_t n);  // y += a b
  float (*sum)(const float* x, size_t n);
  float (*dot)(const float* a, const float* b, size_t n);
  float (*maximum)(const float* x, size_t n);  // -inf for n = 0; NaN if any element is NaN
  // Positions i from *from on with x[i] > threshold or x[i] NaN, ascending, to `found`: at least `most` of
  // them, and fewer than most + 64, unless the row ends. *from is then where to go on, n at the end.
  size_t (*find_above)(int32_t* found, size_t most, const float* x, size_t n, float threshold, size_t* from);
  double (*sum_squares)(const float* x, size_t n);  // accumulated so that 1e8 elements keep 1e-7 accuracy

  // Returns sum exp(x - shift); writes exp(x - shift) to y unless y is null.
  float (*exp_sum)(float* y, const float* x, float shift, size_t n);
  // Softmax of every row of x (rows, n). A row gives the same bits whatever lies beside it.
  void (*softmax)(float* y, const float* x, size_t rows, size_t n);
  // dx = y (dy - sum(dy y)): softmax. dx = dy - exp(y) sum(dy): log-softmax.
  void (*softmax_backward)(float* dx, const float* dy, const float* y, size_t n);
  void (*log_softmax_backward)(float* dx, const float* dy, const float* y, size_t n);

  // One row: s = x (+ residual); y = (s - mean) rstd weight + bias. residual and sum may be null; bias too.
  // sum, when given, receives s. Two passes over the row in cache.
  void (*layer_norm)(float* y, float* sum, const float* x, const float* residual, const float* weight,
                     const float* bias, size_t n, float eps, float* mean, float* rstd);
  // One row: dx from dy and the normalised input s; adds into dweight and dbias (each may be null).
  void (*layer_norm_backward)(float* dx, float* dweight, float* dbias, const float* dy, const float* s,
                              const float* weight, size_t n, float mean, float rstd);
  // The same without mean and bias: y = s rstd weight, rstd = 1 / sqrt(mean(s^2) + eps).
  void (*rms_norm)(float* y, float* sum, const float* x, const float* residual, const float* weight, size_t n,
                   float eps, float* rstd);
  void (*rms_norm_backward)(float* dx, float* dweight, const float* dy, const float* s, const float* weight,
                            size_t n, float rstd);

  // y = keep ? x / (1 - p) : 0 with the bits of core/random.h: element i of the call uses index first + i.
  void (*dropout)(float* y, const float* x, size_t n, float p, uint64_t seed, uint64_t call, uint64_t first);

  // squares, when given, receives the sum of g^2 in double.
  void (*adamw)(float* p, const float* g, float* m, float* v, size_t n, const AdamwStep& step,
                double* squares);
  void (*sgd)(float* p, const float* g, float* buffer, size_t n, const SgdStep& step);  // buffer may be null
  void (*adagrad)(float* p, const float* g, float* sum, size_t n, const AdagradStep& step);
  // buffer and mean may be null.
  void (*rmsprop)(float* p, const float* g, float* square, float* buffer, float* mean, size_t n,
                  const RmspropStep& step);

  void (*from_bf16)(float* y, const uint16_t* x, size_t n);
  void (*to_bf16)(uint16_t* y, const float* x, size_t n);  // round to nearest even, NaN stays NaN
};

// The table of this process, chosen on first call; throws Error ERR_ARGUMENT for an ATHANOR_ISA that this
// machine or build does not have.
const Kernels& kernels();

// The 8-bit tiles of a table: those with dot-product instructions where this processor has them, unless
// ATHANOR_VNNI=0. Both give the same integers, and the same results to rounding.
const Int8Tiles& int8_tiles(const Kernels& kernels);

// The table of one instruction set by name, or null when this machine or build does not have it.
const Kernels* kernels_for(const char* isa);

}  // namespace athanor
