// What an op is. Its folder holds the front (check, shape rule, gradient), the CPU code and the CUDA code;
// the line OP(name) in ops.def registers it, and the binding exports every op of the table.
#pragma once

#include "core/call.h"
#include "core/function.h"
#include "ops/dispatch.h"

namespace athanor {

struct Op {
  const char* name;
  void (*call)(Call&);      // reads arguments, checks them, enqueues the forward, records the gradient
  const char* no_gradient;  // null: has a gradient; otherwise the reason why it has none
};

extern const Op* const op_table[];
extern const int op_count;
const Op* find_op(const char* name);

}  // namespace athanor
