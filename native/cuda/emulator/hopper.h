// The twins of native/cuda/words_hopper.h (PTX ISA: mbarrier, cp.async.bulk.tensor, wgmma).
#pragma once

#include <cuda.h>

#include "run.h"

namespace emulated {

// Addresses in the window of shared memory, as descriptors hold them. The launch's bytes begin at a multiple
// of 128 and of nothing more.
uint32_t shared_address(const void* pointer);
unsigned char* shared_pointer(uint32_t address);

void mbarrier_init(void* barrier, int count, Place place);
// With bytes: also expects that many of copies.
void mbarrier_arrive(void* barrier, int bytes, Place place);
// Until the phase with this parity has ended.
void mbarrier_wait(void* barrier, int parity, Place place);

// Even seeds carry copies out when somebody waits for the barrier, odd ones at once.
void tma_load(void* tile, const CUtensorMap* map, void* barrier, int x, int y, int z, Place place);

// d (columns / 8 tiles of mma.h) += a b. Even seeds multiply when the product is waited for, odd ones at
// once.
void wgmma(float* d, int columns, const uint32_t (&a)[4], uint64_t b, bool b_transposed, Place place);
void wgmma(float* d, int columns, uint64_t a, bool a_transposed, uint64_t b, bool b_transposed, Place place);
void wgmma_commit();
void wgmma_wait(int pending, Place place);

}  // namespace emulated
