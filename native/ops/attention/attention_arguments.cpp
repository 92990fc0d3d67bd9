#include "ops/attention/attention_arguments.h"

#include "ops/attention/relative_bias.h"

namespace athanor {

namespace {

constexpr int64_t most_head_size = 256;
constexpr int64_t most_cuda_head_size = 128;  // what a warp's registers hold of two gradients

}  // namespace

int64_t read_head_size(const Call& c, const TensorRef& q, int64_t heads) {
  const int64_t width = q->view.width(), head_size = width / heads;
  if (width % heads != 0 || width == 0) {
    c.fail(ErrorCode::shape, "q must have a multiple of heads " + std::to_string(heads) + " columns, got " +
                                 q->view.shape.text());
  }
  const bool on_cpu = q->view.storage->device.kind() == DeviceKind::cpu;
  const int64_t most = on_cpu ? most_head_size : most_cuda_head_size;
  if (head_size > most) {
    c.fail(ErrorCode::shape, "q must have at most " + std::to_string(most) + " columns per head" +
                                 (on_cpu ? "" : " on CUDA") + ", got " + std::to_string(head_size));
  }
  return head_size;
}

RelativeArguments read_relative_bias(Call& c, int first, DType dtype, int64_t heads) {
  RelativeArguments r{};
  r.table = c.optional(first, "relativeBias.table");
  if (!r.table) return r;
  r.bidirectional = c.flag(first + 1, "relativeBias.bidirectional");
  if (r.table->view.dtype != DType::f32) c.check_dtype(r.table, "relativeBias.table", dtype);
  c.check_rank(r.table, "relativeBias.table", 2, 2);
  r.buckets = r.table->shape()[0];
  c.check_shape(r.table, "relativeBias.table", {r.buckets, heads});
  const int64_t exact = relative_exact(r.bidirectional, r.buckets);
  if (exact < 1) {
    c.fail(ErrorCode::shape, "relativeBias.table must have at least " +
                                 std::to_string(r.bidirectional ? 4 : 2) + " rows (buckets), got " +
                                 std::to_string(r.buckets));
  }
  r.max_distance = c.integer(first + 2, "relativeBias.maxDistance", exact + 1, 1 << 30);
  return r;
}

}  // namespace athanor
