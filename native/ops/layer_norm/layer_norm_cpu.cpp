// One row at a time, in cache: the residual is dropped out into scratch, the rest is one kernel call.
#include <algorithm>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/layer_norm/layer_norm.h"

namespace athanor {

namespace {

constexpr size_t grain = 16384;  // elements

// ds of one row, and what the row adds to dweight and dbias.
void backward_row(const LayerNormBackward<float>& a, int64_t row, float* ds, float* dweight, float* dbias) {
  const Kernels& k = kernels();
  const size_t n = static_cast<size_t>(a.width);
  const float* dsum = a.dsum ? a.dsum + row * a.dsum_stride : nullptr;
  if (a.dy) {
    const float *dy = a.dy + row * a.dy_stride, *s = a.s + row * a.s_stride;
    const float mean = a.statistics[row], rstd = a.statistics[a.rows + row];
    if (a.kind == NormKind::layer) {
      k.layer_norm_backward(ds, dweight, dbias, dy, s, a.weight, n, mean, rstd);
    } else {
      k.rms_norm_backward(ds, dweight, dy, s, a.weight, n, rstd);
    }
    if (dsum) k.arithmetic(Arithmetic::add, ds, ds, dsum, n);
  } else {
    std::memcpy(ds, dsum, n * sizeof(float));
  }
  if (!a.dresidual) return;
  float* dresidual = a.dresidual + row * a.width;
  if (a.p > 0.0f) {
    k.dropout(dresidual, ds, n, a.p, a.seed, a.call, static_cast<uint64_t>(row * a.width));
  } else if (dresidual != ds) {
    std::memcpy(dresidual, ds, n * sizeof(float));
  }
}

// target = the sum over blocks of partials (blocks, C), in order and in double.
void add_blocks(float* target, const float* partials, int64_t blocks, int64_t width) {
  parallel_ranges(static_cast<size_t>(width), grain / static_cast<size_t>(blocks + 1) + 1,
                  [&](size_t begin, size_t end, Worker& worker) {
                    const size_t n = end - begin;
                    double* total = static_cast<double*>(worker.scratch(n * sizeof(double)));  // (n)
                    std::fill(total, total + n, 0.0);
                    for (int64_t block = 0; block < blocks; block++) {
                      const float* partial = partials + block * width + static_cast<int64_t>(begin);
                      for (size_t i = 0; i < n; i++) total[i] += static_cast<double>(partial[i]);
                    }
                    for (size_t i = 0; i < n; i++) target[begin + i] = static_cast<float>(total[i]);
                  });
}

}  // namespace

void layer_norm_forward(Cpu, const LayerNormForward<float>& a) {
  const size_t n = static_cast<size_t>(a.width);
  if (n == 0) return;
  parallel_ranges(static_cast<size_t>(a.rows), grain / n + 1, [&](size_t begin, size_t end, Worker& worker) {
    const Kernels& k = kernels();
    const bool dropping = a.residual && a.p > 0.0f;
    float* dropped = dropping ? worker.floats(n) : nullptr;  // (C)
    for (int64_t row = static_cast<int64_t>(begin); row < static_cast<int64_t>(end); row++) {
      const float* residual = a.residual ? a.residual + row * a.residual_stride : nullptr;
      if (dropping) {
        k.dropout(dropped, residual, n, a.p, a.seed, a.call, static_cast<uint64_t>(row * a.width));
        residual = dropped;
      }
      float *y = a.y + row * a.width, *sum = a.sum ? a.sum + row * a.width : nullptr;
      const float* x = a.x + row * a.x_stride;
      float mean = 0.0f, rstd;
      if (a.kind == NormKind::layer) {
        k.layer_norm(y, sum, x, residual, a.weight, a.bias, n, a.eps, &mean, &rstd);
      } else {
        k.rms_norm(y, sum, x, residual, a.weight, n, a.eps, &rstd);
      }
      if (a.statistics) {
        a.statistics[row] = mean;
        a.statistics[a.rows + row] = rstd;
      }
    }
  });
}

void layer_norm_backward(Cpu, const LayerNormBackward<float>& a) {
  const size_t n = static_cast<size_t>(a.width);
  const int64_t each = layer_norm_block_rows(a.rows), blocks = layer_norm_blocks(a.rows);
  if (n == 0) return;
  parallel_for(static_cast<size_t>(blocks), [&](size_t index, Worker& worker) {
    const int64_t block = static_cast<int64_t>(index);
    float* dweight = a.dweight.data ? a.partials + block * a.width : nullptr;         // (C)
    float* dbias = a.dbias.data ? a.partials + (blocks + block) * a.width : nullptr;  // (C)
    if (dweight) kernels().fill(dweight, 0.0f, n);
    if (dbias) kernels().fill(dbias, 0.0f, n);
    float* spare = !a.dx && !a.dresidual ? worker.floats(n) : nullptr;  // only the parameters want gradients
    const int64_t end = (block + 1) * each < a.rows ? (block + 1) * each : a.rows;
    for (int64_t row = block * each; row < end; row++) {
      float* ds = a.dx ? a.dx + row * a.width : a.dresidual ? a.dresidual + row * a.width : spare;
      backward_row(a, row, ds, dweight, dbias);
    }
  });
  if (a.dweight.data) add_blocks(static_cast<float*>(a.dweight.data), a.partials, blocks, a.width);
  if (a.dbias.data) {
    add_blocks(static_cast<float*>(a.dbias.data), a.partials + blocks * a.width, blocks, a.width);
  }
}

}  // namespace athanor
