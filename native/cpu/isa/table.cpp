// The table of one instruction set.
#include "cpu/isa/isa.h"

#define ATHANOR_TEXT(x) ATHANOR_TEXT_OF(x)
#define ATHANOR_TEXT_OF(x) #x

namespace athanor {
namespace ATHANOR_ISA {

// In the order of struct Kernels.
const Kernels table = {
    ATHANOR_TEXT(ATHANOR_ISA),
    &gemm_tiles,
    &stream_tiles,
    &int8_tiles,
    &int8_vnni_tiles,
    &head_kernels,
    arithmetic,
    arithmetic_scalar,
    scalar_arithmetic,
    function,
    function_backward,
    gated,
    gated_backward,
    fill,
    scale,
    axpy,
    add_product,
    sum,
    dot,
    maximum,
    find_above,
    sum_squares,
    exp_sum,
    softmax,
    softmax_backward,
    log_softmax_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
    dropout,
    adamw,
    sgd,
    adagrad,
    rmsprop,
    from_bf16,
    to_bf16,
};

}  // namespace ATHANOR_ISA
}  // namespace athanor
