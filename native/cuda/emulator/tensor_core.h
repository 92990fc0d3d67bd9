// The twins of native/cuda/mma.h, from the layout tables of the PTX ISA.
#pragma once

#include "run.h"

namespace emulated {

void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Place place);
void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Place place);
uint32_t to_tf32(float value);
// `row` is this lane's 16-byte row of matrix lane / 8.
void ldmatrix(uint32_t* r, int matrices, bool transposed, const void* row, Place place);

}  // namespace emulated
