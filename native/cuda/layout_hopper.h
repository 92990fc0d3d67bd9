// How tiles of bf16 lie in shared memory for wgmma, as plain arithmetic (PTX ISA, "Asynchronous Warpgroup
// Level Matrix Shared Memory Layout"): lines of 128 bytes, their 16-byte chunks swizzled over each eight
// lines, as TMA writes them with CU_TENSOR_MAP_SWIZZLE_128B.
//
//   by depth   a line is a row of A (a column of B) with 64 k
//   by row     a line is one k with 64 rows; the next 64 rows follow after all k of the tile
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace athanor {

constexpr int hopper_line_bytes = 128, hopper_line_elements = 64, hopper_group_bytes = 8 * hopper_line_bytes;

// Where TMA puts byte `byte` of line `line`; the tile begins at a multiple of 1024.
__host__ __device__ constexpr int swizzled_offset(int line, int byte) {
  return line * hopper_line_bytes + (((byte >> 4) ^ (line & 7)) << 4) + (byte & 15);
}

// The matrix descriptor: address, leading and stride offset in units of 16 bytes, and 128-byte swizzling. The
// stride leads to the next eight lines. The leading offset leads to the next 64 rows, and means nothing by
// depth.
__host__ __device__ constexpr uint64_t wgmma_descriptor(uint32_t address, uint32_t leading, uint32_t stride) {
  return static_cast<uint64_t>((address & 0x3FFFFu) >> 4) |
         static_cast<uint64_t>((leading & 0x3FFFFu) >> 4) << 16 |
         static_cast<uint64_t>((stride & 0x3FFFFu) >> 4) << 32 | uint64_t{1} << 62;
}

// Of the part that instruction `step` multiplies: 16 k of a tile with 64 of them. `row` is the first of its
// rows, a multiple of 64.
__host__ __device__ constexpr uint64_t wgmma_operand(uint32_t tile, bool by_depth, int row, int step) {
  if (by_depth) {
    return wgmma_descriptor(tile + static_cast<uint32_t>(row * hopper_line_bytes + step * 32), 0,
                            hopper_group_bytes);
  }
  constexpr int panel = 64 * hopper_line_bytes;  // 64 rows with all k
  return wgmma_descriptor(tile + static_cast<uint32_t>(row / 64 * panel + step * 16 * hopper_line_bytes),
                          panel, hopper_group_bytes);
}

}  // namespace athanor
