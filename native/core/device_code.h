// Marks small functions that kernels call as well as the engine's C++: the same arithmetic on both sides.
#pragma once

#if defined(__CUDACC__)
#define ATHANOR_DEVICE __host__ __device__
#else
#define ATHANOR_DEVICE
#endif
