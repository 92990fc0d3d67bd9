// Checks of the pool, the products and the vector primitives against plain double loops, for every
// instruction set that the machine has. Called by engine_check.cpp; takes a few seconds.
#pragma once

#include <string>
#include <vector>

namespace athanor {

struct Kernels;

// One line for each failure; empty when all is well.
std::vector<std::string> check_cpu_kernels();

namespace detail {

using Failures = std::vector<std::string>;

void check_pool(Failures& failures);
void check_gemm(const Kernels& kernels, Failures& failures);
void check_packed(const Kernels& kernels, Failures& failures);
void check_functions(const Kernels& kernels, Failures& failures);
void check_rows(const Kernels& kernels, Failures& failures);
void check_streams(const Kernels& kernels, Failures& failures);
void check_decoding(const Kernels& kernels, Failures& failures);

// The largest errors of one function over its range, as docs/numerics.md lists them.
struct FunctionError {
  std::string name;
  double absolute;                      // largest |error|
  double relative;                      // largest |error| / |value|, where the value is a normal number
  double of_largest;                    // largest |error| / largest |value| over [-6, 6]
  double most_relative, most_absolute;  // allowed: either may be infinite
};
std::vector<FunctionError> function_errors(const Kernels& kernels);

}  // namespace detail
}  // namespace athanor
