// The op `to_device`: arguments x, device (-1: the CPU, else the number of a GPU), queue (0: the default one
// of that device). Gives a copy there; the gradient comes back the same way. Neither device waits: the
// target's queue goes on when the elements have arrived on the host.
#include <cstring>

#include "core/transfer.h"
#include "ops/op.h"

namespace athanor {

namespace {

// What the two commands share.
struct Passage {
  Passage(Device& target, const std::shared_ptr<Environment>& environment, size_t bytes)
      : arrival(std::make_shared<Queue>(target, environment, Priority::high, 0)), contents(bytes) {}

  const QueueRef arrival;  // "runs" its only command when the elements are there: what the target waits for
  std::vector<uint8_t> contents;
  FailureRef failure;
};

View transfer(Environment& environment, const char* op, uint64_t call, const View& x, const QueueRef& to) {
  Device& target = to->device;
  View y = x;
  y.offset = 0;
  y.row_stride = x.width();
  const size_t bytes = static_cast<size_t>(x.count()) * dtype_size(x.dtype);
  y.storage = std::make_shared<Storage>(target, bytes, to);
  auto passage = std::make_shared<Passage>(target, environment.shared_from_this(), bytes);

  Command leave;
  leave.op = op;
  leave.call = call;
  leave.inputs = {x.storage};
  leave.run = [passage, x](Execution& e) {
    read_rows(e, x, [passage, x](const void* rows, size_t stride) {
      const size_t row = static_cast<size_t>(x.width()) * dtype_size(x.dtype);
      for (size_t i = 0; row > 0 && i < static_cast<size_t>(x.rows()); i++) {
        std::memcpy(passage->contents.data() + i * row, static_cast<const uint8_t*>(rows) + i * stride, row);
      }
    });
  };
  leave.finished = [passage, &target](const FailureRef& failure) {
    passage->failure = failure;
    target.arrive(*passage->arrival);
  };

  Command arrive;
  arrive.op = op;
  arrive.call = call;
  arrive.outputs = {y.storage};
  arrive.waits = {{passage->arrival, 1}};
  arrive.run = [passage, y](Execution& e) {
    if (passage->failure) throw Error(passage->failure->code, passage->failure->message);
    write_rows(e, y, passage->contents.data());
  };
  const QueueRef from = x.storage->last_write.queue ? x.storage->last_write.queue : x.storage->home;
  environment.enqueue(from, std::move(leave));
  environment.enqueue(to, std::move(arrive));
  return y;
}

void call(Call& c) {
  TensorRef x = c.tensor(0, "x");
  const int64_t index = c.integer(1, "device", -1, 1023);
  const int32_t id = static_cast<int32_t>(c.integer(2, "queue", 0, INT32_MAX));
  Device& target = index < 0 ? Device::cpu() : Device::get("cuda:" + std::to_string(index));
  const QueueRef to = id ? c.environment.queue(id) : c.environment.default_queue(target);
  if (&to->device != &target) c.fail(ErrorCode::device, "queue must be one of " + target.name());
  const QueueRef from = c.queue();
  c.result(transfer(c.environment, c.op, c.call, x->view, to));
  c.record({x}, {},
           [from](Backward& b) { b.set(0, transfer(b.environment, b.op, b.call, b.gradient(0), from)); });
}

}  // namespace

extern const Op op_to_device{"to_device", call, nullptr};

}  // namespace athanor
