// Expands ops.def. A name without an op behind it fails to link engine_check.
#include <cstring>

#include "ops/op.h"

namespace athanor {

#define OP(name) extern const Op op_##name;
#include "ops/ops.def"
#undef OP

const Op* const op_table[] = {
#define OP(name) &op_##name,
#include "ops/ops.def"
#undef OP
};

const int op_count = sizeof(op_table) / sizeof(op_table[0]);

const Op* find_op(const char* name) {
  for (const Op* op : op_table) {
    if (std::strcmp(op->name, name) == 0) return op;
  }
  return nullptr;
}

}  // namespace athanor
