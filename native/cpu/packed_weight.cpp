#include "cpu/packed_weight.h"

#include <algorithm>
#include <cstring>

#include "cpu/isa/tiles.h"

namespace athanor {

namespace {

using detail::divide_up;
using detail::Split;

// As wide as tiles can be, but a number of panels that few threads share evenly.
Split panels_of(const GemmTiles& tiles, size_t n) {
  constexpr size_t even = 4;
  size_t vectors = divide_up(n, tiles.width), panels = divide_up(vectors, tiles.vectors);
  return {vectors, std::min(divide_up(panels, even) * even, vectors)};
}

}  // namespace

PackedWeight::PackedWeight(const Kernels& kernels, Allocator& allocator, const PlainWeight& plain)
    : kernels(kernels),
      dtype(plain.dtype),
      n(plain.n),
      k(plain.k),
      by_output(plain.by_output),
      width(kernels.gemm->width),
      panels(panels_of(*kernels.gemm, plain.n)),
      allocator_(allocator) {
  size_t columns = panels.total * width;
  size_t weights = divide_up(padded_k() * columns * dtype_size(dtype), 64) * 64;
  size_t sums = dtype == DType::i8 ? columns * sizeof(int32_t) : 0;
  bytes_ = weights + sums;
  data_ = static_cast<char*>(allocator.allocate(bytes_));
  sums_ = reinterpret_cast<int32_t*>(data_ + weights);
  parallel_for(panels.parts, [&](size_t index, Worker&) { pack_panel(plain, index); });
}

PackedWeight::~PackedWeight() {
  allocator_.free(data_, bytes_);
}

void PackedWeight::pack_panel(const PlainWeight& plain, size_t index) {
  size_t column = panels.begin(index) * width, vectors = panels.size(index);
  size_t columns = std::min(n - column, vectors * width);
  char* to = data_ + (panel(index) - data_);
  if (dtype == DType::f32) {
    const float* source = static_cast<const float*>(plain.data);
    float* packed = reinterpret_cast<float*>(to);
    if (by_output) {
      kernels.gemm->pack_transposed(packed, source + column * k, k, k, columns, vectors);
    } else {
      kernels.gemm->pack(packed, source + column, n, k, columns, vectors);
    }
    return;
  }
  std::memset(to, 0, panel_bytes(index));
  void* source = const_cast<void*>(plain.data);
  if (dtype == DType::bf16) {
    copy_panel<uint16_t, 2>(static_cast<uint16_t*>(source), index, false);
    return;
  }
  copy_panel<int8_t, 4>(static_cast<int8_t*>(source), index, false);
  int32_t* sums = sums_ + column;
  std::fill(sums, sums + vectors * width, 0);
  const int8_t* packed = reinterpret_cast<const int8_t*>(to);
  for (size_t group = 0; group < padded_k() / 4; group++) {
    for (size_t j = 0; j < vectors * width; j++, packed += 4) {
      sums[j] += packed[0] + packed[1] + packed[2] + packed[3];
    }
  }
}

// Element (column, i) of a panel lies at [i / group][column][i % group].
template <class T, size_t group>
void PackedWeight::copy_panel(T* plain, size_t index, bool to_plain) const {
  size_t column = panels.begin(index) * width, wide = panels.size(index) * width;
  size_t columns = std::min(n - column, wide);
  T* packed = reinterpret_cast<T*>(data_ + (panel(index) - data_));
  size_t plain_column = by_output ? k : 1, plain_step = by_output ? 1 : n;
  constexpr size_t strip = 64;  // of k, so that neither side is walked across at full length
  for (size_t begin = 0; begin < k; begin += strip) {
    size_t end = std::min(begin + strip, k);
    for (size_t j = 0; j < columns; j++) {
      T* element = plain + (column + j) * plain_column + begin * plain_step;
      for (size_t i = begin; i < end; i++, element += plain_step) {
        T& other = packed[(i / group * wide + j) * group + i % group];
        if (to_plain) {
          *element = other;
        } else {
          other = *element;
        }
      }
    }
  }
}

void PackedWeight::restore(void* plain) const {
  parallel_for(panels.parts, [&](size_t index, Worker&) {
    switch (dtype) {
      case DType::f32: copy_panel<float, 1>(static_cast<float*>(plain), index, true); break;
      case DType::bf16: copy_panel<uint16_t, 2>(static_cast<uint16_t*>(plain), index, true); break;
      default: copy_panel<int8_t, 4>(static_cast<int8_t*>(plain), index, true);
    }
  });
}

}  // namespace athanor
