// Tensor maps and the copies that TMA makes by them: boxes of lines of 128 bytes, swizzled; what lies outside
// of the tensor is zero.
#include <algorithm>

#include "cuda/emulator/mbarrier.h"

namespace emulated {
namespace {

constexpr int element_bytes = 2, line_bytes = 128, piece_bytes = 16;

struct alignas(16) Sixteen {
  uint64_t words[2];
};

// Sixteen bytes of the tensor at column x, of which some may lie outside.
Sixteen piece_of(const CUtensorMap& map, int64_t x, int64_t y, int64_t z) {
  Sixteen piece{};
  const auto inside = [](int64_t at, uint64_t size) { return at >= 0 && at < static_cast<int64_t>(size); };
  if (!inside(y, map.sizes[1]) || !inside(z, map.sizes[2])) return piece;
  const unsigned char* row = map.data + static_cast<uint64_t>(y) * map.strides[0];
  row += static_cast<uint64_t>(z) * map.strides[1];
  constexpr int each = piece_bytes / element_bytes;
  if (inside(x, map.sizes[0]) && inside(x + each - 1, map.sizes[0]) && x % each == 0) {
    return *reinterpret_cast<const Sixteen*>(row + x * element_bytes);
  }
  uint16_t elements[each] = {};
  for (int i = 0; i < each; i++) {
    if (inside(x + i, map.sizes[0])) elements[i] = reinterpret_cast<const uint16_t*>(row)[x + i];
  }
  __builtin_memcpy(&piece, elements, sizeof(piece));
  return piece;
}

}  // namespace

// Bits 4 to 6 of an address in shared memory are xored with bits 7 to 9.
int carry_out(const Transfer& t) {
  const CUtensorMap& map = t.map;
  int line = 0;
  for (uint32_t z = 0; z < map.box[2]; z++) {
    for (uint32_t y = 0; y < map.box[1]; y++, line++) {
      for (uint32_t byte = 0; byte < map.box[0] * element_bytes; byte += piece_bytes) {
        const uint32_t plain = shared_address(t.tile) + static_cast<uint32_t>(line) * line_bytes + byte;
        *reinterpret_cast<Sixteen*>(shared_pointer(plain ^ (plain >> 7 & 7) << 4)) = piece_of(
            map, int64_t{t.at[0]} + byte / element_bytes, int64_t{t.at[1]} + y, int64_t{t.at[2]} + z);
      }
    }
  }
  return line * static_cast<int>(map.box[0]) * element_bytes;
}

void tma_load(void* tile, const CUtensorMap* map, void* barrier, int x, int y, int z, Place place) {
  const size_t bytes = size_t{map->box[0]} * map->box[1] * map->box[2] * element_bytes;
  if (!is_shared(tile, bytes) || reinterpret_cast<uintptr_t>(tile) % line_bytes != 0)
    fail(place, "TMA copies to shared memory at multiples of %d bytes", line_bytes);
  add_transfer({barrier, static_cast<unsigned char*>(tile), *map, {x, y, z}, place});
}

}  // namespace emulated

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* data,
                                const cuuint64_t* sizes, const cuuint64_t* strides, const cuuint32_t* box,
                                const cuuint32_t* element_strides, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  bool valid = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 && rank == 3 && data != nullptr &&
               swizzle == CU_TENSOR_MAP_SWIZZLE_128B && reinterpret_cast<uintptr_t>(data) % 16 == 0 &&
               box[0] == emulated::line_bytes / emulated::element_bytes;
  for (int i = 0; i < 3 && valid; i++) {
    valid = sizes[i] > 0 && sizes[i] <= uint64_t{1} << 32 && box[i] > 0 && box[i] <= 256 &&
            element_strides[i] == 1;
  }
  for (int i = 0; i < 2 && valid; i++) valid = strides[i] % 16 == 0 && strides[i] < uint64_t{1} << 40;
  if (!valid) return CUDA_ERROR_INVALID_VALUE;
  *map = {static_cast<const unsigned char*>(data),
          {sizes[0], sizes[1], sizes[2]},
          {strides[0], strides[1]},
          {box[0], box[1], box[2]}};
  return CUDA_SUCCESS;
}
