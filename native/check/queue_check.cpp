// Order: within a queue, between priorities, turns between equals, across queues; room, drops, the end.
#include <atomic>
#include <thread>

#include "check/check.h"

namespace athanor {

namespace {

using Values = std::vector<float>;

// Names of commands in the order in which they ran.
class Order {
 public:
  void add(Host& host, const QueueRef& queue, char name) {
    host.run(queue, [this, name] { text_ += name; });
  }
  // Read when nothing runs any more.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void check_priorities(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  QueueRef low = environment.queue(environment.add_queue(Device::cpu(), Priority::low));
  QueueRef normal = environment.queue(environment.add_queue(Device::cpu(), Priority::normal));
  QueueRef equal = environment.queue(environment.add_queue(Device::cpu(), Priority::normal));
  QueueRef high = environment.queue(environment.add_queue(Device::cpu(), Priority::high));
  Order order;
  {
    Gate gate(host, normal);
    for (int i = 0; i < 2; i++) order.add(host, low, 'l');
    for (int i = 0; i < 3; i++) order.add(host, normal, 'n');
    for (int i = 0; i < 3; i++) order.add(host, equal, 'e');
    order.add(host, high, 'h');
  }
  host.synchronize();
  checks.expect(order.text() == "hnenenell" || order.text() == "henenenll",
                "higher first, equals in turn: " + order.text());
}

// A value changed on one queue and read on another, a thousand times: each read sees exactly the changes
// before it.
void check_cross_queue(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  std::vector<QueueRef> queues;
  for (int i = 0; i < 3; i++) {
    Priority priority = static_cast<Priority>(i);
    queues.push_back(environment.queue(environment.add_queue(Device::cpu(), priority)));
  }
  TensorRef counter = host.filled(0, {64}), one = host.filled(1, {64});
  std::vector<View> seen;
  for (int i = 0; i < 1000; i++) {
    Emitter writer(environment, "writer", 0, queues[static_cast<size_t>(i % 3)]);
    Emitter reader(environment, "reader", 0, queues[static_cast<size_t>((i / 3) % 3)]);
    writer.accumulate(counter->view, one->view);
    seen.push_back(reader.add(counter->view, one->view));
  }
  bool right = true;
  for (size_t i = 0; i < seen.size(); i++) {
    auto t = std::make_shared<Tensor>();
    t->view = seen[i];
    right = right && host.read(t) == Values(64, static_cast<float>(i + 2));
  }
  checks.expect(right, "readers and writers on three queues keep their order");
  host.synchronize();
}

// The queue of a disposed model finishes its work.
void check_removed_queue(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  int32_t id = environment.add_queue(Device::cpu(), Priority::normal);
  TensorRef x = host.tensor({1, 2}, {2}, false, id);
  TensorRef y = host.add(x, x);
  environment.remove_queue(id);
  checks.expect(host.read(y) == Values({2, 4}), "work of a removed queue is finished");
  checks.expect_error(ErrorCode::disposed, "does not exist", [&] { environment.queue(id); });
}

void check_room(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  TensorRef x = host.filled(1, {1});
  {
    Gate gate(host, environment.queue(0));
    checks.expect(environment.has_room(), "there is room at first");
    int64_t made = 0;
    try {
      for (; made < 1000000; made++) {
        host.add(x, x);
        if (made == Environment::ready_commands) checks.expect(!environment.has_room(), "but not for ever");
      }
      checks.expect(false, "the queue never filled");
    } catch (const Error& error) {
      checks.expect(error.code == ErrorCode::queue_full, "ERR_QUEUE_FULL");
      checks.expect(made >= Environment::ready_commands * Environment::full_factor - 2, "at 64 times");
    }
  }
  host.synchronize();
  checks.expect(environment.pending_commands.load() == 0 && environment.has_room(2),
                "room again when all has run");
  checks.expect(host.item(host.add(x, x)) == 2, "and work goes on");
}

void check_staged_bytes(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  {
    Gate gate(host, environment.queue(0));
    TensorRef x = host.filled(1, {1 << 20});
    checks.expect(environment.staged_bytes.load() == 0, "input counts from its first reader on");
    host.add(x, x);
    host.add(x, x);
    checks.expect(environment.staged_bytes.load() == 4 << 20, "once");
  }
  host.synchronize();
  checks.expect(environment.staged_bytes.load() == 0, "until that has run");
}

// An environment that ends takes its waiting commands with it; others are served at once.
void check_drop(Checks& checks) {
  Host survivor;
  std::atomic<int> ran{0};
  {
    Gate gate(survivor, survivor.environment->queue(0));
    Host ended;
    QueueRef queue = ended.environment->queue(0);
    TensorRef x = ended.filled(1, {8});
    for (int i = 0; i < 500; i++) ended.run(queue, [&ran] { ran++; });
    TensorRef y = ended.add(x, x);
  }
  TensorRef z = survivor.filled(2, {8});
  checks.expect(survivor.read(survivor.add(z, z)) == Values(8, 4), "the survivor is served");
  checks.expect(ran.load() == 0, "commands of a dead environment are skipped");
}

}  // namespace

void check_queues(Checks& checks) {
  check_priorities(checks);
  check_cross_queue(checks);
  check_removed_queue(checks);
  check_room(checks);
  check_staged_bytes(checks);
  check_drop(checks);
}

}  // namespace athanor
