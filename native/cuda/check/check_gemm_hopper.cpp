// The Hopper path of products: when it is taken, where wgmma looks for what TMA wrote, and its kernel, in the
// emulator or on a device of capability 9.0.
#include "cuda/check/gemm_problem.h"
#include "cuda/check/hopper_path.h"
#include "cuda/gemm_hopper.h"
#include "cuda/layout_hopper.h"

namespace athanor {
namespace {

KERNEL_CHECK(gemm_hopper, "taken on capability 9.0, for factors that TMA can read") {
  const GemmSize forward{1, 128, 128, 64, false, true}, both{1, 128, 128, 64, true, true};
  check.expect(use_hopper(90, forward, true), "x W^T on 9.0");
  check.expect(use_hopper(90, {1, 128, 128, 64, false, false}, true), "dz W on 9.0");
  check.expect(use_hopper(90, {1, 128, 128, 64, true, false}, true), "dz^T x on 9.0");
  for (int capability : {80, 86, 89, 100, 120})
    check.expect(!use_hopper(capability, forward, true), "not 9.0");
  check.expect(!use_hopper(90, forward, false), "rows that 16-byte loads cannot read");
  check.expect(!use_hopper(90, both, true), "both factors transposed");
  check.expect(!use_hopper(90, {1, 128, 128, 0, false, true}, true), "an empty k");
}

KERNEL_CHECK(gemm_hopper, "factors that 16-byte loads can read") {
  alignas(16) static bf16 memory[64];
  check.expect(loads_as_vectors(GemmFactor<bf16>{memory, 8, false, 4}, 1), "aligned");
  check.expect(loads_as_vectors(GemmFactor<bf16>{memory, 8, false, 8}, 2), "aligned batch");
  check.expect(!loads_as_vectors(GemmFactor<bf16>{memory + 1, 8, false}, 1), "address");
  check.expect(!loads_as_vectors(GemmFactor<bf16>{memory, 12, false}, 1), "leading dimension");
  check.expect(!loads_as_vectors(GemmFactor<bf16>{memory, 8, false, 4}, 2), "stride of the batch");
}

// The fields of a descriptor, in bytes.
struct Descriptor {
  uint32_t start, leading, stride;
  int swizzle;

  explicit Descriptor(uint64_t bits)
      : start(static_cast<uint32_t>(bits & 0x3FFF) << 4),
        leading(static_cast<uint32_t>(bits >> 16 & 0x3FFF) << 4),
        stride(static_cast<uint32_t>(bits >> 32 & 0x3FFF) << 4),
        swizzle(static_cast<int>(bits >> 62)) {}

  // The byte of element (row, k) of a matrix, as the PTX ISA's canonical layouts with 128-byte swizzling have
  // it: the address bits of the chunk are xored with those of the line.
  uint32_t address(bool by_depth, int row, int k) const {
    const int line = by_depth ? row : k, inner = by_depth ? k : row % 64;
    const uint32_t panel = by_depth ? 0 : static_cast<uint32_t>(row / 64) * leading;
    const uint32_t plain = start + panel + static_cast<uint32_t>(line / 8) * stride +
                           static_cast<uint32_t>(line % 8 * 128 + inner * 2);
    return plain ^ (plain >> 7 & 7) << 4;
  }
};

KERNEL_CHECK(gemm_hopper, "wgmma looks where TMA has written") {
  constexpr uint32_t tile = 3 * 1024;
  std::vector<uint32_t> got, wanted;
  for (bool by_depth : {false, true}) {
    for (int first : {0, 64}) {
      for (int step = 0; step < 4; step++) {
        const Descriptor d(wgmma_operand(tile, by_depth, first, step));
        check.expect(d.swizzle == 1, "128-byte swizzling");
        for (int row = 0; row < 128 - first; row++) {
          for (int k = 0; k < 16; k++) {
            got.push_back(d.address(by_depth, row, k));
            const int of_tile = first + row, depth = 16 * step + k;
            wanted.push_back(tile +
                             static_cast<uint32_t>(by_depth ? swizzled_offset(of_tile, 2 * depth)
                                                            : of_tile / 64 * 64 * hopper_line_bytes +
                                                                  swizzled_offset(depth, of_tile % 64 * 2)));
          }
        }
      }
    }
  }
  check.same("addresses", got, wanted);
}

KERNEL_CHECK(gemm_hopper, "swizzling permutes the chunks of a line") {
  for (int line = 0; line < 16; line++) {
    std::vector<int> taken(8);
    for (int chunk = 0; chunk < 8; chunk++) {
      const int offset = swizzled_offset(line, 16 * chunk) - line * hopper_line_bytes;
      check.expect(offset % 16 == 0 && offset >= 0 && offset < 128, "a chunk of its line");
      taken[static_cast<size_t>(offset / 16)]++;
    }
    check.same("times taken", taken, std::vector<int>(8, 1));
  }
}

KERNEL_CHECK(gemm_hopper, "products with the path forced") {
  const HopperPath path(check, "ATHANOR_CUDA_GEMM");
  const auto product = [&](const GemmCase& c) {
    check_product<bf16, bf16, bf16>(check, c, [&](const auto& g) { gemm(check.cuda, g); });
    check_product<bf16, bf16, float>(check, c, [&](const auto& g) { gemm(check.cuda, g); });
  };
  for (int layout : {0, 1, 2}) {
    const bool a_transposed = layout == 2, b_transposed = layout == 0;
    product({128, 128, 64, a_transposed, b_transposed});
    product({136, 120, 200, a_transposed, b_transposed, 1, 0, 0, true, true, true, false, Function::relu});
    product({120, 136, 328, a_transposed, b_transposed, 2, 8});
    product({8, 8, 8, a_transposed, b_transposed});
  }
}

}  // namespace
}  // namespace athanor
