// Several neighbouring elements in one memory access: of up to 16 bytes, aligned to their size. Whoever uses
// it has checked that address and row length allow it (`aligned_for`).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace athanor {

template <class T, int count>
struct alignas(sizeof(T) * count) Vector {
  static_assert(sizeof(T) * count <= 16, "one access moves at most 16 bytes");
  T value[count];

  __device__ T& operator[](int i) { return value[i]; }
  __device__ const T& operator[](int i) const { return value[i]; }
};

template <int count, class T>
__device__ inline Vector<T, count> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, count>*>(from);
}

template <int count, class T>
__device__ inline void store_vector(T* to, const Vector<T, count>& value) {
  *reinterpret_cast<Vector<T, count>*>(to) = value;
}

// Host side: whether every row of `stride` elements starting at `pointer` can be read `count` at a time.
template <int count, class T>
inline bool aligned_for(const T* pointer, int64_t stride) {
  return reinterpret_cast<uintptr_t>(pointer) % (sizeof(T) * count) == 0 && stride % count == 0;
}

}  // namespace athanor
