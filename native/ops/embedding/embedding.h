// y[i] = sum over up to three tables of weight[ids[i]]: word, position and type embeddings in one pass;
// added in fp32. T: f32, or bf16 on CUDA. The gradient of each table is scatter_rows of gather_rows.h.
#pragma once

#include <cstdint>

#include "ops/gather_rows/gather_rows.h"

namespace athanor {

constexpr int most_tables = 3;

template <class T>
struct EmbeddingTable {
  const T* weight = nullptr;         // (rows, width)
  Indices ids = {nullptr, nullptr};  // (n)
  int64_t rows = 0;
  IndexCheck check{};
};

template <class T>
struct EmbeddingForward {
  EmbeddingTable<T> tables[most_tables];
  int count;  // of tables
  T* y;       // (n, width)
  int64_t n, width;
};

void embedding_forward(Cpu, const EmbeddingForward<float>& a);
template <class T>
void embedding_forward(Cuda, const EmbeddingForward<T>& a);

}  // namespace athanor
