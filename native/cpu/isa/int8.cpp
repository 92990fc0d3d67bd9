// 8-bit products: unsigned activations with a scale and a zero point for each row, signed weights with a
// scale for each column. A lane holds four k of one column; what one instruction of VNNI does, the others do
// in two halves of 16 bits, as exactly.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

typedef int32_t vi_any __attribute__((vector_size(W * 4), aligned(1), may_alias));

// sum += the dot products of four unsigned and four signed bytes, for the sets' plain instructions.
ATHANOR_INLINE vi dot4(vi sum, vi a, vi b) {
#if defined(__AVX512F__) || defined(__AVX2__) || defined(__x86_64__)
  typedef int16_t vs __attribute__((vector_size(W * 4)));
  vs low_b = reinterpret_cast<vs>(b) << 8 >> 8, high_b = reinterpret_cast<vs>(b) >> 8;
  vi low_a = a & 0x00ff00ff, high_a = reinterpret_cast<vi>(reinterpret_cast<vu>(a) >> 8) & 0x00ff00ff;
#if defined(__AVX512F__)
  sum += reinterpret_cast<vi>(
      _mm512_madd_epi16(reinterpret_cast<__m512i>(low_a), reinterpret_cast<__m512i>(low_b)));
  return sum + reinterpret_cast<vi>(
                   _mm512_madd_epi16(reinterpret_cast<__m512i>(high_a), reinterpret_cast<__m512i>(high_b)));
#elif defined(__AVX2__)
  sum += reinterpret_cast<vi>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(low_a), reinterpret_cast<__m256i>(low_b)));
  return sum + reinterpret_cast<vi>(
                   _mm256_madd_epi16(reinterpret_cast<__m256i>(high_a), reinterpret_cast<__m256i>(high_b)));
#else
  sum += reinterpret_cast<vi>(
      _mm_madd_epi16(reinterpret_cast<__m128i>(low_a), reinterpret_cast<__m128i>(low_b)));
  return sum + reinterpret_cast<vi>(
                   _mm_madd_epi16(reinterpret_cast<__m128i>(high_a), reinterpret_cast<__m128i>(high_b)));
#endif
#else
#pragma GCC unroll 4
  for (int byte = 0; byte < 4; byte++) {
    vi x = reinterpret_cast<vi>(reinterpret_cast<vu>(a) >> (8 * byte)) & 0xff;
    sum += x * (b << (24 - 8 * byte) >> 24);
  }
  return sum;
#endif
}

template <int R, int V>
ATHANOR_INLINE void finish(const Int8Tile& t, const vi (&sum)[R][V]) {
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) {
    size_t column = v * W, lanes = t.columns - column;
    bool whole = lanes >= W;
    vf scale = whole ? load(t.column_scale + column) : load_part(t.column_scale + column, lanes);
    vf bias = vf{};
    if (t.bias != nullptr) bias = whole ? load(t.bias + column) : load_part(t.bias + column, lanes);
    // The sums of columns are padded to whole panels, as the weights are.
    vi column_sum = *reinterpret_cast<const vi_any*>(t.column_sum + column);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      vi exact = sum[r][v] - column_sum * t.row_zero[r];
      vf y = __builtin_convertvector(exact, vf) * (scale * t.row_scale[r]) + bias;
      float* c = t.c + r * t.ldc + column;
      if (whole) {
        store(c, y);
      } else {
        store_part(c, y, lanes);
      }
    }
  }
}

#define ATHANOR_TILE tile
#define ATHANOR_TILE_TARGET
#define ATHANOR_DOT4 dot4
#include "cpu/isa/int8_tile.h"

#if defined(__AVX512F__)
#define ATHANOR_TILE tile_vnni
#define ATHANOR_TILE_TARGET __attribute__((target("avx512vnni")))
#define ATHANOR_DOT4(sum, a, b) reinterpret_cast<vi>(__builtin_ia32_vpdpbusd_v16si((sum), (a), (b)))
#include "cpu/isa/int8_tile.h"
#elif defined(__AVX2__)
#define ATHANOR_TILE tile_vnni
#define ATHANOR_TILE_TARGET __attribute__((target("avxvnni")))
#define ATHANOR_DOT4(sum, a, b) reinterpret_cast<vi>(__builtin_ia32_vpdpbusd_v8si((sum), (a), (b)))
#include "cpu/isa/int8_tile.h"
#endif

// The range always holds 0. A row with an infinity or a NaN gets a scale of NaN, and so do its results.
void quantize(uint8_t* q, const float* x, size_t k, float* scale, int32_t* zero) {
  vf low = vf{}, high = vf{}, poison = vf{};
  for_vectors(
      k,
      [&](size_t i) {
        vf v = load(x + i);
        low = select(v < low, v, low);
        high = select(v > high, v, high);
        poison += v * 0.0f;
      },
      [&](size_t i, size_t lanes) {
        vf v = load_part(x + i, lanes);
        low = select(v < low, v, low);
        high = select(v > high, v, high);
        poison += v * 0.0f;
      });
  float lane_low[W], lane_high[W];
  store(lane_low, low);
  store(lane_high, high);
  float least = 0, most = 0;
  for (int i = 0; i < W; i++) {
    if (lane_low[i] < least) least = lane_low[i];
    if (lane_high[i] > most) most = lane_high[i];
  }
  float step = (most - least) / 255.0f;
  float inverse = step > 1e-35f ? 1.0f / step : 0.0f;
  constexpr float round_to_integer = 12582912.0f;  // 1.5 * 2^23: the integer ends up in the low bits
  float shifted = -least * inverse + round_to_integer;
  *zero = static_cast<int32_t>(shifted - round_to_integer);
  *scale = step + sum_lanes(poison);
  typedef uint8_t vb __attribute__((vector_size(W)));
  auto quantized = [&](vf v) {
    vf y = v * inverse + shifted;  // the shift rounds x / step and adds the zero point at once
    y = at_most(at_least(y, round_to_integer), round_to_integer + 255.0f);
    return __builtin_convertvector(as_bits(y) & 0xffu, vb);
  };
  for_vectors(
      k,
      [&](size_t i) {
        vb bytes = quantized(load(x + i));
        memcpy(q + i, &bytes, W);
      },
      [&](size_t i, size_t lanes) {
        vb bytes = quantized(load_part(x + i, lanes));
        memcpy(q + i, &bytes, lanes);
      });
  for (size_t i = k; i % 4 != 0; i++) q[i] = 0;
}

}  // namespace

#if defined(__AVX512F__)
#define ATHANOR_TALL(F, V) F<7, V>, F<8, V>, F<9, V>
#elif defined(__aarch64__)
#define ATHANOR_TALL(F, V) F<7, V>, F<8, V>, nullptr
#else
#define ATHANOR_TALL(F, V) nullptr, nullptr, nullptr
#endif
#define ATHANOR_ROWS(F, V) \
  { F<1, V>, F<2, V>, F<3, V>, F<4, V>, F<5, V>, F<6, V>, ATHANOR_TALL(F, V) }
#if defined(__AVX512F__) || defined(__aarch64__)
#define ATHANOR_WIDEST(F) ATHANOR_ROWS(F, 3)
#else
#define ATHANOR_WIDEST(F) \
  { nullptr }
#endif
#define ATHANOR_INT8_TILES(F) \
  { {ATHANOR_ROWS(F, 1), ATHANOR_ROWS(F, 2), ATHANOR_WIDEST(F)}, quantize }

const Int8Tiles int8_tiles = ATHANOR_INT8_TILES(tile);
#if defined(__AVX2__)
const Int8Tiles int8_vnni_tiles = ATHANOR_INT8_TILES(tile_vnni);
#else
const Int8Tiles int8_vnni_tiles = {};
#endif

}  // namespace ATHANOR_ISA
}  // namespace athanor
