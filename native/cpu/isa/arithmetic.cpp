// Plain arithmetic and the conversions from and to bfloat16.
#include "cpu/isa/isa.h"
#include "cpu/isa/vector.h"

namespace athanor {
namespace ATHANOR_ISA {

void arithmetic(Arithmetic op, float* y, const float* a, const float* b, size_t n) {
  switch (op) {
    case Arithmetic::add: return map(y, a, b, n, [](vf s, vf t) { return s + t; });
    case Arithmetic::subtract: return map(y, a, b, n, [](vf s, vf t) { return s - t; });
    case Arithmetic::multiply: return map(y, a, b, n, [](vf s, vf t) { return s * t; });
    case Arithmetic::divide: return map(y, a, b, n, [](vf s, vf t) { return s / t; });
  }
}

void arithmetic_scalar(Arithmetic op, float* y, const float* a, float b, size_t n) {
  switch (op) {
    case Arithmetic::add: return map(y, a, n, [=](vf s) { return s + b; });
    case Arithmetic::subtract: return map(y, a, n, [=](vf s) { return s - b; });
    case Arithmetic::multiply: return map(y, a, n, [=](vf s) { return s * b; });
    case Arithmetic::divide: return map(y, a, n, [=](vf s) { return s / b; });
  }
}

void scalar_arithmetic(Arithmetic op, float* y, float a, const float* b, size_t n) {
  switch (op) {
    case Arithmetic::add: return map(y, b, n, [=](vf t) { return a + t; });
    case Arithmetic::subtract: return map(y, b, n, [=](vf t) { return a - t; });
    case Arithmetic::multiply: return map(y, b, n, [=](vf t) { return a * t; });
    case Arithmetic::divide: return map(y, b, n, [=](vf t) { return a / t; });
  }
}

void fill(float* y, float value, size_t n) {
  vf v = splat(value);
  for_vectors(
      n, [&](size_t i) { store(y + i, v); }, [&](size_t i, size_t lanes) { store_part(y + i, v, lanes); });
}

void scale(float* y, float alpha, const float* x, size_t n) {
  map(y, x, n, [=](vf v) { return alpha * v; });
}

void axpy(float* y, float alpha, const float* x, size_t n) {
  map(y, y, x, n, [=](vf s, vf t) { return s + alpha * t; });
}

void add_product(float* y, const float* a, const float* b, size_t n) {
  for_vectors(
      n, [&](size_t i) { store(y + i, load(y + i) + load(a + i) * load(b + i)); },
      [&](size_t i, size_t lanes) {
        vf product = load_part(a + i, lanes) * load_part(b + i, lanes);
        store_part(y + i, load_part(y + i, lanes) + product, lanes);
      });
}

void from_bf16(float* y, const uint16_t* x, size_t n) {
  size_t i = 0;
  for (; i + W <= n; i += W) {
    vu16 narrow = *reinterpret_cast<const vu16_any*>(x + i);
    store(y + i, as_float(__builtin_convertvector(narrow, vu) << 16));
  }
  for (; i < n; i++) {
    uint32_t bits = static_cast<uint32_t>(x[i]) << 16;
    memcpy(y + i, &bits, sizeof bits);
  }
}

namespace {

ATHANOR_INLINE vu16 round_to_bf16(vf v) {
  vu bits = as_bits(v);
  vu rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  vu quiet_nan = (bits >> 16) | 0x40u;
  return __builtin_convertvector((v != v) ? quiet_nan : rounded, vu16);
}

}  // namespace

void to_bf16(uint16_t* y, const float* x, size_t n) {
  for_vectors(
      n, [&](size_t i) { *reinterpret_cast<vu16_any*>(y + i) = round_to_bf16(load(x + i)); },
      [&](size_t i, size_t lanes) {
        vu16 narrow = round_to_bf16(load_part(x + i, lanes));
        memcpy(y + i, &narrow, lanes * sizeof(uint16_t));
      });
}

}  // namespace ATHANOR_ISA
}  // namespace athanor
