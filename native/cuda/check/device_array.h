// An array in device memory. In the emulator it is exactly as long as asked for, so that the address
// sanitizer sees the first byte beyond; on a GPU guards lie at both ends and are checked at every download.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "cuda/check.h"

namespace athanor {

inline float to_float_on_host(float value) {
  return value;
}
inline float to_float_on_host(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// To nearest, ties to even.
template <class T>
T from_float_on_host(float value) {
  return static_cast<T>(value);
}
template <>
inline bf16 from_float_on_host<bf16>(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (value != value) return bf16{0x7FFF};
  return bf16{static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

// The values as a tensor of T would hold them.
template <class T>
std::vector<float> rounded_to(const std::vector<float>& values) {
  std::vector<float> result;
  result.reserve(values.size());
  for (float value : values) result.push_back(to_float_on_host(from_float_on_host<T>(value)));
  return result;
}

template <class T>
class DeviceArray {
 public:
  // `offset` elements lie before the array, to try addresses that are not aligned.
  explicit DeviceArray(size_t count, size_t offset = 0) : count_(count), offset_(offset) { allocate(); }
  template <class U>
  explicit DeviceArray(const std::vector<U>& values, size_t offset = 0)
      : count_(values.size()), offset_(offset) {
    allocate();
    upload(values);
  }
  ~DeviceArray() { cudaFree(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return reinterpret_cast<T*>(memory_ + guard) + offset_; }
  size_t size() const { return count_; }

  void upload(const std::vector<T>& values) {
    if (values.size() != count_) throw Error(ErrorCode::internal, "DeviceArray: another number of values");
    if (count_)
      check(cudaMemcpy(data(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), "upload");
  }
  template <class U>
  void upload(const std::vector<U>& values) {
    std::vector<T> converted;
    converted.reserve(values.size());
    for (U value : values) converted.push_back(from_float_on_host<T>(static_cast<float>(value)));
    upload(converted);
  }

  std::vector<T> download() const {
    check_guards();
    std::vector<T> values(count_);
    if (count_)
      check(cudaMemcpy(values.data(), data(), count_ * sizeof(T), cudaMemcpyDeviceToHost), "download");
    return values;
  }
  std::vector<float> floats() const {
    std::vector<float> values;
    values.reserve(count_);
    for (T value : download()) values.push_back(to_float_on_host(value));
    return values;
  }

 private:
#if defined(CUDA_EMULATED)
  static constexpr size_t guard = 0;
#else
  static constexpr size_t guard = 1024;
#endif

  size_t bytes() const {
    return (count_ + offset_) * sizeof(T);
  }

  void allocate() {
    const size_t all = bytes() + 2 * guard;
    if (all == 0) return;
    check(cudaMalloc(&memory_, all), "DeviceArray");
    check(cudaMemset(memory_, 0xFF, all), "DeviceArray");
  }

  void check_guards() const {
    check(cudaDeviceSynchronize(), "download");
    if (guard == 0) return;
    std::vector<unsigned char> all(bytes() + 2 * guard);
    check(cudaMemcpy(all.data(), memory_, all.size(), cudaMemcpyDeviceToHost), "guards");
    for (size_t i = 0; i < all.size(); i++) {
      const bool inside = i >= guard + offset_ * sizeof(T) && i < guard + bytes();
      if (!inside && all[i] != 0xFF) throw Error(ErrorCode::internal, "a kernel wrote beyond its array");
    }
  }

  const size_t count_, offset_;
  unsigned char* memory_ = nullptr;
};

}  // namespace athanor
