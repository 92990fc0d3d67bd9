// Register tiles against packed weights. What bounds few rows is reading the weights once, so every tile also
// fetches its share of what comes next: memory is then busy while the registers are.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

// The sums of a tile, and the rows of A: three share a pointer, as in tiles.cpp.
template <int R, int V>
struct Rows {
  static constexpr int groups = (R + 2) / 3;
  vf sum[R][V];
  const float* a[groups];
  size_t lda;

  // sum += column `at` of A from here times `weights`.
  ATHANOR_INLINE void multiply(const vf (&weights)[V], size_t at) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      vf element = splat(a[r / 3][r % 3 * lda + at]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] += element * weights[v];
    }
  }
  ATHANOR_INLINE void advance(size_t k) {
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) a[g] += k;
  }
};

template <int R, int V>
ATHANOR_INLINE void multiply_all(Rows<R, V>& rows, const StreamTile& t, const float* b) {
  const char* ahead = t.ahead;
  const size_t ahead_step = t.ahead_step;
  for (size_t k = t.k; k > 0; k--) {
    fetch_ahead(ahead, ahead_step);
    ahead += ahead_step;
    vf weights[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) weights[v] = load(b + v * W);
    rows.multiply(weights, 0);
    rows.advance(1);
    b += V * W;
  }
}

// bf16 is the upper half of an f32. Two of one column and neighbours in k share a word, so that one operation
// widens each.
ATHANOR_INLINE vu pairs_at(const uint16_t* p) {
  vu pairs;
  memcpy(&pairs, p, sizeof pairs);
  return pairs;
}
ATHANOR_INLINE vf first_of_pairs(const uint16_t* p) {
  return as_float(pairs_at(p) << 16);
}
// The mask is made again each time: kept in a register it would leave no room for the tallest tile.
ATHANOR_INLINE vf second_of_pairs(const uint16_t* p) {
  uint32_t upper = 0xffff0000u;
  asm volatile("" : "+r"(upper)::"memory");
  return as_float(pairs_at(p) & (vu{} + upper));
}

template <int R, int V>
ATHANOR_INLINE void multiply_all(Rows<R, V>& rows, const StreamTile& t, const uint16_t* b) {
  const char* ahead = t.ahead;
  const size_t ahead_step = t.ahead_step;
  vf weights[V];
  for (size_t k = t.k; k > 1; k -= 2) {
    fetch_ahead(ahead, ahead_step);
    fetch_ahead(ahead + ahead_step, ahead_step);
    ahead += 2 * ahead_step;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) weights[v] = first_of_pairs(b + 2 * v * W);
    rows.multiply(weights, 0);
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) weights[v] = second_of_pairs(b + 2 * v * W);
    rows.multiply(weights, 1);
    rows.advance(2);
    b += 2 * V * W;
  }
  if (t.k % 2 == 0) return;
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) weights[v] = first_of_pairs(b + 2 * v * W);
  rows.multiply(weights, 0);
}

template <int R, int V, class Weight>
void stream(const StreamTile& t) {
  Rows<R, V> rows;
  rows.lda = t.lda;
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) rows.sum[r][v] = vf{};
  }
  // Writing C would wait for its lines to come.
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) __builtin_prefetch(t.c + r * t.ldc + v * W, 1, 3);
  }
#pragma GCC unroll 4
  for (int g = 0; g < Rows<R, V>::groups; g++) rows.a[g] = t.a + 3 * g * t.lda;
  multiply_all(rows, t, static_cast<const Weight*>(t.b));
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    float* c = t.c + r * t.ldc;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      size_t column = v * W, lanes = t.columns - column;
      vf value = rows.sum[r][v];
      if (lanes >= W) {
        if (t.add) value += load(c + column);
        if (t.bias != nullptr) value += load(t.bias + column);
        store(c + column, value);
      } else {
        if (t.add) value += load_part(c + column, lanes);
        if (t.bias != nullptr) value += load_part(t.bias + column, lanes);
        store_part(c + column, value, lanes);
      }
    }
  }
}

void widen_pairs(float* y, const uint16_t* x, size_t k, size_t columns) {
  for (size_t i = 0; i < k; i += 2, x += 2 * columns, y += 2 * columns) {
    for (size_t j = 0; j < columns; j += W) {
      store(y + j, first_of_pairs(x + 2 * j));
      if (i + 1 < k) store(y + columns + j, second_of_pairs(x + 2 * j));
    }
  }
}

#if defined(__AVX512F__)
// Of pairs, g++ 12 keeps some sums of nine rows in memory.
template <int V, class Weight>
constexpr auto tallest() -> void (*)(const StreamTile&) {
  if constexpr (sizeof(Weight) == 2)
    return nullptr;
  else
    return stream<9, V, Weight>;
}
constexpr size_t pair_rows = 8;
#elif defined(__aarch64__)
constexpr size_t pair_rows = 8;
#else
constexpr size_t pair_rows = 6;
#endif

}  // namespace

#if defined(__AVX512F__)
#define ATHANOR_STREAMS(V, T)                                                                             \
  {                                                                                                       \
    stream<1, V, T>, stream<2, V, T>, stream<3, V, T>, stream<4, V, T>, stream<5, V, T>, stream<6, V, T>, \
        stream<7, V, T>, stream<8, V, T>, tallest<V, T>()                                                 \
  }
#elif defined(__aarch64__)
#define ATHANOR_STREAMS(V, T)                                                                             \
  {                                                                                                       \
    stream<1, V, T>, stream<2, V, T>, stream<3, V, T>, stream<4, V, T>, stream<5, V, T>, stream<6, V, T>, \
        stream<7, V, T>, stream<8, V, T>, nullptr                                                         \
  }
#else
#define ATHANOR_STREAMS(V, T)                                                                             \
  {                                                                                                       \
    stream<1, V, T>, stream<2, V, T>, stream<3, V, T>, stream<4, V, T>, stream<5, V, T>, stream<6, V, T>, \
        nullptr, nullptr, nullptr                                                                         \
  }
#endif

#if defined(__AVX512F__) || defined(__aarch64__)
#define ATHANOR_WIDEST(T) ATHANOR_STREAMS(3, T)
#else
#define ATHANOR_WIDEST(T) \
  { nullptr }
#endif

const StreamTiles stream_tiles = {
    {ATHANOR_STREAMS(1, float), ATHANOR_STREAMS(2, float), ATHANOR_WIDEST(float)},
    {ATHANOR_STREAMS(1, uint16_t), ATHANOR_STREAMS(2, uint16_t), ATHANOR_WIDEST(uint16_t)},
    pair_rows,
    widen_pairs,
};

}  // namespace ATHANOR_ISA
}  // namespace athanor
