// One register tile of 8-bit products. Included by int8.cpp once for each kind of dot product, which may need
// a target that the rest of the set lacks: ATHANOR_TILE names the function, ATHANOR_TILE_TARGET is its
// attribute, ATHANOR_DOT4(sum, a, b) adds the products of four bytes per lane.
//
// The vectors are typed int32: as __m512i, g++ 12 would keep the sums on the stack.

template <int R, int V>
ATHANOR_TILE_TARGET void ATHANOR_TILE(const Int8Tile& t) {
  constexpr int groups = (R + 2) / 3;  // three rows share a pointer, as in tiles.cpp
  vi sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sum[r][v] = vi{};
  }
  // Writing C would wait for its lines to come.
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) __builtin_prefetch(t.c + r * t.ldc + v * W, 1, 3);
  }
  const uint8_t* a[groups];
  size_t lda = t.lda, ahead_step = t.ahead_step;
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) a[g] = t.a + 3 * g * lda;
  const int8_t* b = t.b;
  const char* ahead = t.ahead;
  for (size_t k = t.groups; k > 0; k--) {
    fetch_ahead(ahead, ahead_step);
    ahead += ahead_step;
    vi vector[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) vector[v] = *reinterpret_cast<const vi_any*>(b + v * W * 4);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      int32_t four;
      memcpy(&four, a[r / 3] + r % 3 * lda, 4);
      vi element = four - vi{};
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sum[r][v] = ATHANOR_DOT4(sum[r][v], element, vector[v]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) a[g] += 4;
    b += V * W * 4;
  }
  finish<R, V>(t, sum);
}

#undef ATHANOR_TILE
#undef ATHANOR_TILE_TARGET
#undef ATHANOR_DOT4
