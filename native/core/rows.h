// The plain work on rows that the engine itself needs: copies, sums of gradients. Views may be ranges of
// columns.
#pragma once

#include "core/tensor.h"
#include "ops/dispatch.h"

namespace athanor {

void copy_rows(Cpu, const View& target, const View& source);  // of one dtype
void copy_rows(Cuda, const View& target, const View& source);
void fill_rows(Cpu, const View& target, float value);  // f32; on CUDA bf16 too
void fill_rows(Cuda, const View& target, float value);
// y = a + b, fp32; y may be a. On CUDA each of the three may be f32 or bf16, the sum is made in fp32.
void add_rows(Cpu, const View& y, const View& a, const View& b);
void add_rows(Cuda, const View& y, const View& a, const View& b);

}  // namespace athanor
