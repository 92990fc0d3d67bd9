// matmul on the device: batches of products, each factor stored either way, and the three products that its
// gradients are. Small integers, so that results must be equal.
#include "cuda/check/gemm_problem.h"
#include "ops/matmul/matmul.h"

namespace athanor {
namespace {

template <class T, class C>
void check_batched(KernelCheck& check, const GemmCase& c) {
  check_product<T, T, C>(check, c, [&](const DeviceGemm<T, T, C>& g) {
    batched_product(check.cuda, BatchedProduct<T, C>{g.batch,
                                                     g.m,
                                                     g.n,
                                                     g.k,
                                                     g.out.y,
                                                     {g.a.data, g.a.stride, g.a.ld, g.a.transposed},
                                                     {g.b.data, g.b.stride, g.b.ld, g.b.transposed}});
  });
}

template <class T, class C>
void check_all(KernelCheck& check) {
  for (bool a_transposed : {false, true}) {
    for (bool b_transposed : {false, true}) {
      for (int64_t batch : {0, 1, 3}) {
        check_batched<T, C>(check, {1, 1, 1, a_transposed, b_transposed, batch});
        check_batched<T, C>(check, {16, 24, 40, a_transposed, b_transposed, batch});
        check_batched<T, C>(check, {17, 65, 33, a_transposed, b_transposed, batch});
      }
      check_batched<T, C>(check, {5, 0, 3, a_transposed, b_transposed, 2});
      check_batched<T, C>(check, {5, 4, 0, a_transposed, b_transposed, 2});
    }
  }
}

KERNEL_CHECK(matmul, "f32") {
  check_all<float, float>(check);
}
KERNEL_CHECK(matmul, "bf16") {
  check_all<bf16, bf16>(check);
}
KERNEL_CHECK(matmul, "bf16 to f32, for the gradient of a parameter") {
  check_all<bf16, float>(check);
}

}  // namespace
}  // namespace athanor
