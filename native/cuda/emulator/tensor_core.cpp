#include "cuda/emulator/tensor_core.h"

#include "cuda/emulator/device_math.h"

namespace emulated {
namespace {

constexpr unsigned all_lanes = 0xFFFFFFFFu;

float half_of(uint32_t pair, int which) {
  return __uint_as_float(which ? pair & 0xFFFF0000u : pair << 16);
}

const Deposit* meet_with_fragments(const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  return meet(all_lanes, Operation::mma, place, words, 6);
}

}  // namespace

// d[i] is row lane / 4 (+ 8 for i >= 2), column 2 (lane % 4) + i % 2. Element k of that row of a is in the
// lane of the same group with pair k / 2 % 4, element k of that column of b in the lane of group `column`.
void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  const Deposit* deposits = meet_with_fragments(a, b, place);
  const int lane = lane_index(), group = lane / 4, pair = lane % 4;
  for (int i = 0; i < 4; i++) {
    const int lower = i / 2, column = 2 * pair + i % 2;
    float sum = d[i];
    for (int k = 0; k < 16; k++) {
      const uint32_t of_a = deposits[group * 4 + k % 8 / 2].word[lower + 2 * (k / 8)];
      const uint32_t of_b = deposits[column * 4 + k % 8 / 2].word[4 + k / 8];
      sum += half_of(of_a, k % 2) * half_of(of_b, k % 2);
    }
    d[i] = sum;
  }
}

void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  constexpr uint32_t seen = 0xFFFFE000u;  // the tensor core ignores the lower 13 bits
  const Deposit* deposits = meet_with_fragments(a, b, place);
  const int lane = lane_index(), group = lane / 4, pair = lane % 4;
  for (int i = 0; i < 4; i++) {
    const int lower = i / 2, column = 2 * pair + i % 2;
    float sum = d[i];
    for (int k = 0; k < 8; k++) {
      const uint32_t of_a = deposits[group * 4 + k % 4].word[lower + 2 * (k / 4)];
      const uint32_t of_b = deposits[column * 4 + k % 4].word[4 + k / 4];
      sum += __uint_as_float(of_a & seen) * __uint_as_float(of_b & seen);
    }
    d[i] = sum;
  }
}

uint32_t to_tf32(float value) {
  const uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7F800000u) == 0x7F800000u) return bits & 0xFFFFE000u;
  return (bits + 0x1000u) & 0xFFFFE000u;
}

// Every lane reads its own row before the meeting: no lane goes on before all rows were read, as in hardware.
void ldmatrix(uint32_t* r, int matrices, bool transposed, const void* row, Place place) {
  const int lane = lane_index(), group = lane / 4, pair = lane % 4;
  uint32_t words[4] = {0, 0, 0, 0};
  if (lane < 8 * matrices) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
      fail(place, "ldmatrix: the address of a row is not a multiple of 16");
    if (!is_shared(row, 16)) fail(place, "ldmatrix: the address of a row is not in shared memory");
    for (int i = 0; i < 4; i++) words[i] = static_cast<const uint32_t*>(row)[i];
  }
  const Deposit* rows = meet(all_lanes, Operation::ldmatrix, place, words, 4);
  for (int m = 0; m < matrices; m++) {
    const Deposit* matrix = rows + 8 * m;
    if (!transposed) {
      r[m] = matrix[group].word[pair];
      continue;
    }
    const auto element = [&](int i) { return matrix[i].word[group / 2] >> (group % 2 ? 16 : 0) & 0xFFFFu; };
    r[m] = element(2 * pair) | element(2 * pair + 1) << 16;
  }
}

}  // namespace emulated
