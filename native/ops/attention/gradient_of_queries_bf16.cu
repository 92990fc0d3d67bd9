#include "ops/attention/attention_gradient_kernel.h"

namespace athanor {

template void launch_attention_gradient<bf16, Side::queries>(const Cuda&, dim3, bool,
                                                             const GradientOperands<bf16>&,
                                                             const GradientResults<bf16>&);

}  // namespace athanor
