// Stands in for CUDA's header of this name, so that kernels compile as C++ and run on the CPU (README.md).
// The words and functions declared here mean what the CUDA C++ Programming Guide and the CUDA Runtime API
// say.
#pragma once

#define CUDART_VERSION 13000

#include "device_math.h"
#include "device_words.h"
#include "hopper.h"
#include "host_calls.h"
#include "run.h"
#include "tensor_core.h"
#include "warp.h"
