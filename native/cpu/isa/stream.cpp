// Register tiles against packed weights. What bounds few rows is reading the weights once, so every tile also
// fetches its share of what comes next: memory is then busy while the registers are.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {
namespace {

ATHANOR_INLINE vf weights(const float* p) {
  return load(p);
}

typedef uint16_t vu16_here __attribute__((vector_size(W * 2)));

// bf16 is the upper half of an f32.
ATHANOR_INLINE vf weights(const uint16_t* p) {
  vu16_here half;
  memcpy(&half, p, sizeof half);
  return as_float(__builtin_convertvector(half, vu) << 16);
}

template <int R, int V, class Weight>
void stream(const StreamTile& t) {
  constexpr int groups = (R + 2) / 3;  // three rows share a pointer, as in tiles.cpp
  vf sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = vf{};
  }
  // Writing C would wait for its lines to come.
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) __builtin_prefetch(t.c + r * t.ldc + v * W, 1, 3);
  }
  const float* a[groups];
  size_t lda = t.lda, ahead_step = t.ahead_step;
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) a[g] = t.a + 3 * g * lda;
  const Weight* b = static_cast<const Weight*>(t.b);
  const char* ahead = t.ahead;
  for (size_t k = t.k; k > 0; k--) {
    fetch_ahead(ahead, ahead_step);
    ahead += ahead_step;
    vf vector[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) vector[v] = weights(b + v * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      vf element = splat(a[r / 3][r % 3 * lda]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] += element * vector[v];
    }
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) a[g]++;
    b += V * W;
  }
  for (int r = 0; r < R; r++) {
    float* c = t.c + r * t.ldc;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      size_t column = v * W, lanes = t.columns - column;
      vf value = sum[r][v];
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

}  // namespace

#if defined(__AVX512F__)
#define ATHANOR_STREAMS(V, T)                                                                             \
  {                                                                                                       \
    stream<1, V, T>, stream<2, V, T>, stream<3, V, T>, stream<4, V, T>, stream<5, V, T>, stream<6, V, T>, \
        stream<7, V, T>, stream<8, V, T>, stream<9, V, T>                                                 \
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
};

}  // namespace ATHANOR_ISA
}  // namespace athanor
