// y[i] = sum over up to three tables of weight[ids[i]]: word, position and type embeddings in one pass. fp32
// rows. The gradient of each table is scatter_rows of gather_rows.h.
#pragma once

#include <cstdint>

#include "ops/gather_rows/gather_rows.h"

namespace athanor {

constexpr int most_tables = 3;

struct EmbeddingTable {
  const float* weight = nullptr;  // (rows, width)
  const int32_t* ids = nullptr;   // (n)
  int64_t rows = 0;
  IndexCheck check{};
};

struct EmbeddingForward {
  EmbeddingTable tables[most_tables];
  int count;  // of tables
  float* y;   // (n, width)
  int64_t n, width;
};

void embedding_forward(Cpu, const EmbeddingForward& a);
void embedding_forward(Cuda, const EmbeddingForward& a);

}  // namespace athanor
