// Offsets of a ragged batch: i32 (B+1), sequence b is rows [offsets[b], offsets[b+1]). They start at 0, never
// decrease and end at the number of rows.
#pragma once

#include <cstdint>

#include "core/call.h"
#include "ops/host_indices.h"

namespace athanor {

// Throws Error(code, "<op>: <name> must ...") when the contents are not offsets of `rows` rows.
void check_offsets(const int32_t* offsets, int64_t batch, int64_t rows, const char* op, const char* name,
                   ErrorCode code);

// The same for a command on either device, with ERR_DATA.
template <class Device>
void check_offsets(Device device, Indices offsets, int64_t batch, int64_t rows, const char* op,
                   const char* name) {
  const HostIndices host(device, offsets, batch + 1);
  check_offsets(host.data(), batch, rows, op, name, ErrorCode::data);
}

// Dtype, rank and length of an offsets argument, and its contents when they can be read while the call is
// made (ERR_ARGUMENT; otherwise the command that reads them checks, with ERR_DATA). Returns B.
int64_t check_offsets_tensor(const Call& c, const TensorRef& offsets, int64_t rows, const char* name);

}  // namespace athanor
