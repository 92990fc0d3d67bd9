// wgmma: products of four warps that are made while the threads go on. A product reads its factors from
// shared memory when it is waited for with an even seed, the latest moment that hardware allows, and at once
// with an odd one; factors in registers are taken when it is asked for.
#include "cuda/emulator/block.h"
#include "cuda/emulator/device_math.h"
#include "cuda/emulator/hopper.h"

namespace emulated {
namespace {

constexpr unsigned all_lanes = 0xFFFFFFFFu;
constexpr int depth = 16;

float half_of(uint32_t pair, int which) {
  return __uint_as_float(which ? pair & 0xFFFF0000u : pair << 16);
}

// A matrix in shared memory by its descriptor: the canonical layouts with 128-byte swizzling (PTX ISA,
// "Asynchronous Warpgroup Level Matrix Shared Memory Layout"). Transposed: a line is one k with 64 rows.
float element_of(uint64_t descriptor, bool transposed, int row, int k) {
  const auto field = [&](int from) { return static_cast<uint32_t>(descriptor >> from & 0x3FFF) << 4; };
  const uint32_t start = field(0), leading = field(16), stride = field(32);
  const int line = transposed ? k : row, inner = transposed ? row % 64 : k;
  const uint32_t panel = transposed ? static_cast<uint32_t>(row / 64) * leading : 0;
  const uint32_t plain = start + panel + static_cast<uint32_t>(line / 8) * stride +
                         static_cast<uint32_t>(line % 8 * 128 + inner * 2);
  const unsigned char* at = shared_pointer(plain ^ (plain >> 7 & 7) << 4);
  return __uint_as_float(uint32_t{*reinterpret_cast<const uint16_t*>(at)} << 16);
}

void load_rows(Product& p) {
  const Lane& me = *current;
  for (int lower = 0; lower < 2; lower++) {
    const int row = me.warp % 4 * 16 + me.number / 4 + 8 * lower;
    for (int k = 0; k < depth; k++) p.rows[lower][k] = element_of(p.a, p.a_transposed, row, k);
  }
}

void carry_out(Product& p) {
  if (!p.rows_taken) load_rows(p);
  for (int n = 0; n < p.columns / 8; n++) {
    for (int odd = 0; odd < 2; odd++) {
      const int column = 8 * n + 2 * (current->number % 4) + odd;
      float upper = p.d[4 * n + odd], lower = p.d[4 * n + 2 + odd];
      for (int k = 0; k < depth; k++) {
        const float b = element_of(p.b, p.b_transposed, column, k);
        upper += p.rows[0][k] * b;
        lower += p.rows[1][k] * b;
      }
      p.d[4 * n + odd] = upper, p.d[4 * n + 2 + odd] = lower;
    }
  }
}

void add(const Product& product) {
  current->products.push_back(product);
  if (block.copies_at_once) carry_out(current->products.back());
}

// With 128-byte swizzling and a base offset of 0 a matrix begins in the first line of eight.
void check_descriptor(uint64_t descriptor, Place place) {
  if (descriptor >> 62 != 1) fail(place, "wgmma: only 128-byte swizzling is emulated");
  if (descriptor >> 3 & 7 || descriptor >> 49 & 7)
    fail(place, "wgmma: a swizzled matrix must begin in a line at a multiple of 1024 bytes");
}

// The same for all lanes.
void check_descriptors(uint64_t a, uint64_t b, bool a_too, const Deposit* deposits, Place place) {
  const uint32_t words[2] = {static_cast<uint32_t>(a ^ a >> 32), static_cast<uint32_t>(b ^ b >> 32)};
  for (int lane = 0; lane < 32; lane++) {
    if (deposits[lane].word[4] != words[0] || deposits[lane].word[5] != words[1])
      fail(place, "wgmma: lanes of a warp have different descriptors");
  }
  check_descriptor(b, place);
  if (a_too) check_descriptor(a, place);
}

const Deposit* meet_with(const uint32_t* a, uint64_t a_descriptor, uint64_t b, Place place) {
  uint32_t words[6] = {0,
                       0,
                       0,
                       0,
                       static_cast<uint32_t>(a_descriptor ^ a_descriptor >> 32),
                       static_cast<uint32_t>(b ^ b >> 32)};
  for (int i = 0; a && i < 4; i++) words[i] = a[i];
  if (block.threads % 128 != 0) fail(place, "wgmma: a block must be of whole warpgroups of 128 threads");
  const Deposit* deposits = meet(all_lanes, Operation::wgmma, place, words, 6);
  check_descriptors(a_descriptor, b, a == nullptr, deposits, place);
  return deposits;
}

}  // namespace

void wgmma(float* d, int columns, const uint32_t (&a)[4], uint64_t b, bool b_transposed, Place place) {
  const Deposit* deposits = meet_with(a, 0, b, place);
  Product p{d, columns, 0, b, false, b_transposed, true, current->product_groups, {}, place};
  for (int lower = 0; lower < 2; lower++) {
    for (int k = 0; k < depth; k++) {
      const uint32_t pair = deposits[current->number / 4 * 4 + k % 8 / 2].word[lower + 2 * (k / 8)];
      p.rows[lower][k] = half_of(pair, k % 2);
    }
  }
  add(p);
}

void wgmma(float* d, int columns, uint64_t a, bool a_transposed, uint64_t b, bool b_transposed, Place place) {
  meet_with(nullptr, a, b, place);
  add({d, columns, a, b, a_transposed, b_transposed, false, current->product_groups, {}, place});
}

void wgmma_commit() {
  current->product_groups++;
}

void wgmma_wait(int pending, Place place) {
  Lane& me = *current;
  const unsigned groups = me.product_groups, kept = static_cast<unsigned>(pending);
  size_t done = 0;
  while (done < me.products.size() && me.products[done].group + kept < groups) {
    if (!block.copies_at_once) carry_out(me.products[done]);
    done++;
  }
  me.products.erase(me.products.begin(), me.products.begin() + static_cast<std::ptrdiff_t>(done));
  meet(all_lanes, Operation::wgmma, place, nullptr, 0);
}

void check_no_products() {
  if (!current->products.empty()) {
    fail(current->products[0].place, "a thread ends before its wgmma was waited for");
  }
}

}  // namespace emulated
