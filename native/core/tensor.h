// View: where elements lie, without history; commands hold views. Tensor: a view with its place on the tape;
// only the JavaScript thread touches tensors, so nothing of the tape needs a lock or is freed elsewhere.
#pragma once

#include <cstdint>
#include <memory>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/storage.h"

namespace athanor {

// Integers (ids, labels, offsets) that a device function reads. `host` is the same on the host, or null where
// only the device knows them; on the CPU `data` serves both.
struct Indices {
  const int32_t* data;
  const int32_t* host;
};

struct View {
  StorageRef storage;
  DType dtype = DType::f32;
  Shape shape;
  int64_t offset = 0;      // elements
  int64_t row_stride = 0;  // elements between rows; differs from the width only for a rank-2 range of columns

  bool defined() const { return storage != nullptr; }
  bool contiguous() const { return row_stride == shape.width() || shape.rows() <= 1; }
  int64_t count() const { return shape.count(); }
  int64_t rows() const { return shape.rows(); }
  int64_t width() const { return shape.width(); }

  // Executor only (the storage has no memory before). Null for an undefined view.
  template <class T>
  T* data() const {
    return storage ? reinterpret_cast<T*>(static_cast<char*>(storage->data) +
                                          offset * static_cast<int64_t>(dtype_size(dtype)))
                   : nullptr;
  }
  // The elements, if they are known on the host while commands are being made (uploaded, unchanged); else
  // null.
  template <class T>
  const T* host() const {
    const void* staged = storage && storage->version == 0 ? storage->staged_contents() : nullptr;
    return staged ? reinterpret_cast<const T*>(static_cast<const char*>(staged) +
                                               offset * static_cast<int64_t>(dtype_size(dtype)))
                  : nullptr;
  }

  // Integers for a kernel, with their host copy: `host` was asked for while the command was made.
  Indices indices(const int32_t* host) const { return {data<int32_t>(), host}; }

  // Rows [begin, end) of the first dimension; contiguous views and column ranges alike.
  View row_range(int64_t begin, int64_t end) const {
    View v = *this;
    int64_t inner = 1;
    for (int i = 1; i < shape.rank; i++) inner *= shape.dims[i];
    v.shape.dims[0] = end - begin;
    v.offset += begin * (shape.rank == 2 ? row_stride : inner);
    return v;
  }
  // Columns [begin, end) of a rank-2 view.
  View column_range(int64_t begin, int64_t end) const {
    View v = *this;
    v.shape.dims[1] = end - begin;
    v.offset += begin;
    return v;
  }
  // The same elements in another shape; contiguous views only.
  View reshaped(const Shape& to) const {
    View v = *this;
    v.shape = to;
    v.row_stride = to.width();
    return v;
  }
};

struct Node;
using NodeRef = std::shared_ptr<Node>;
struct Tensor;
using TensorRef = std::shared_ptr<Tensor>;

struct Tensor {
  View view;
  bool requires_grad = false;
  NodeRef node;          // what made it, if that is recorded
  int output_index = 0;  // which output of that node
  TensorRef grad;        // of a leaf

  // A named part of a packed parameter: rows [row_begin, row_begin + shape[0]) of base.
  TensorRef base;
  int64_t row_begin = 0;
  bool part_cleared = true;                  // base->grad does not count for this part
  std::vector<std::weak_ptr<Tensor>> parts;  // of a base

  bool leaf() const { return node == nullptr; }
  const Shape& shape() const { return view.shape; }
};

}  // namespace athanor
