#include "ops/attention/attention_gradient_kernel.h"

namespace athanor {

template void launch_attention_gradient<float, Side::keys>(const Cuda&, dim3, bool,
                                                           const GradientOperands<float>&,
                                                           const GradientResults<float>&);

}  // namespace athanor
