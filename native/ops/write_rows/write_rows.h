// target[rows[i]] = x[i], in place: how a decoding step's keys and values join a cache. Rows are distinct, so
// that the result depends on no order.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "ops/host_indices.h"
#include "ops/op.h"

namespace athanor {

struct WriteRows {
  char* target;           // (rows of target, row_bytes), target_stride bytes from row to row
  int64_t target_stride;  // may exceed row_bytes: a range of columns
  Indices rows;           // (count), distinct, each 0 to limit - 1
  const char* x;          // (count, row_bytes), x_stride bytes from row to row
  int64_t x_stride;
  int64_t count, limit, row_bytes;
};

// Both trust `rows`.
void write_rows(Cpu, const WriteRows& a);
void write_rows(Cuda, const WriteRows& a);

// Throws Error(code, "<op>: <name> must ...") unless `rows` (count) are distinct and 0 to limit - 1.
void check_distinct_rows(const char* op, const char* name, const int32_t* rows, int64_t count, int64_t limit,
                         ErrorCode code);

// The same for a command, with ERR_DATA; on CUDA the rows are downloaded where the host has no copy.
template <class Device>
void check_distinct_rows(Device device, const char* op, const char* name, Indices rows, int64_t count,
                         int64_t limit) {
  const HostIndices host(device, rows, count);
  check_distinct_rows(op, name, host.data(), count, limit, ErrorCode::data);
}

// Throws ERR_ARGUMENT where `read` lies in memory of `target`, which the same command writes to.
void check_apart(const Call& c, const TensorRef& read, const char* read_name, const TensorRef& target,
                 const char* target_name);

// What both ops that write rows ask of their tensors: `x` (N, C) of the dtype of `target` (R, C), `rows` i32
// (N), both in other memory. Contents of `rows` that the host knows are checked (ERR_ARGUMENT); returns them.
const int32_t* check_rows_to_write(const Call& c, const TensorRef& target, const char* target_name,
                                   const TensorRef& rows, const char* rows_name, const TensorRef& x,
                                   const char* x_name);

// The arguments of one write while a command runs.
WriteRows rows_to_write(const View& target, const View& rows, const int32_t* host_rows, const View& x);

}  // namespace athanor
