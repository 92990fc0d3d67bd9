// What the files of one instruction set offer each other; isa/table.cpp gathers it into a Kernels.
#pragma once

#include "cpu/isa/attention.h"
#include "cpu/isa/tiles.h"
#include "cpu/kernels.h"

namespace athanor {
namespace ATHANOR_ISA {

extern const Kernels table;
extern const GemmTiles gemm_tiles;
extern const StreamTiles stream_tiles;
extern const Int8Tiles int8_tiles;       // with what every processor of the set has
extern const Int8Tiles int8_vnni_tiles;  // with dot-product instructions; empty where the set has none
extern const HeadKernels head_kernels;

void arithmetic(Arithmetic op, float* y, const float* a, const float* b, size_t n);
void arithmetic_scalar(Arithmetic op, float* y, const float* a, float b, size_t n);
void scalar_arithmetic(Arithmetic op, float* y, float a, const float* b, size_t n);
void fill(float* y, float value, size_t n);
void scale(float* y, float alpha, const float* x, size_t n);
void axpy(float* y, float alpha, const float* x, size_t n);
void add_product(float* y, const float* a, const float* b, size_t n);
void from_bf16(float* y, const uint16_t* x, size_t n);
void to_bf16(uint16_t* y, const float* x, size_t n);

void function(Function f, float* y, const float* x, size_t n);
void function_backward(Function f, float* dx, const float* dy, const float* x, const float* y, size_t n);
void gated(Function f, float* y, const float* gate, const float* up, size_t n);
void gated_backward(Function f, float* dgate, float* dup, const float* dy, const float* gate, const float* up,
                    size_t n);

float sum(const float* x, size_t n);
float dot(const float* a, const float* b, size_t n);
float maximum(const float* x, size_t n);
size_t find_above(int32_t* found, size_t most, const float* x, size_t n, float threshold, size_t* from);
double sum_squares(const float* x, size_t n);

float exp_sum(float* y, const float* x, float shift, size_t n);
void softmax(float* y, const float* x, size_t rows, size_t n);
void softmax_backward(float* dx, const float* dy, const float* y, size_t n);
void log_softmax_backward(float* dx, const float* dy, const float* y, size_t n);

void layer_norm(float* y, float* sum, const float* x, const float* residual, const float* weight,
                const float* bias, size_t n, float eps, float* mean, float* rstd);
void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* s,
                         const float* weight, size_t n, float mean, float rstd);
void rms_norm(float* y, float* sum, const float* x, const float* residual, const float* weight, size_t n,
              float eps, float* rstd);
void rms_norm_backward(float* dx, float* dweight, const float* dy, const float* s, const float* weight,
                       size_t n, float rstd);

void dropout(float* y, const float* x, size_t n, float p, uint64_t seed, uint64_t call, uint64_t first);

void soften(const ScoreStrip& strip, float* largest, float* total, float* row_keep, float* row_scale);
void differentiate(const ScoreStrip& strip, float* dp, const float* lse, const float* delta, float* mask);

void score_cached(const CachedRow& row);
void sum_cached(const CachedRow& row);

void adamw(float* p, const float* g, float* m, float* v, size_t n, const AdamwStep& step, double* squares);
void sgd(float* p, const float* g, float* buffer, size_t n, const SgdStep& step);
void adagrad(float* p, const float* g, float* sum, size_t n, const AdagradStep& step);
void rmsprop(float* p, const float* g, float* square, float* buffer, float* mean, size_t n,
             const RmspropStep& step);

}  // namespace ATHANOR_ISA
}  // namespace athanor
