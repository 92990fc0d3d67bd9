// What happens when a command fails: the first cause reaches whoever reads, updates are skipped whole, memory
// that cannot be had is an error, and the queue lives on.
#include "check/check.h"

namespace athanor {

namespace {

using Values = std::vector<float>;

TensorRef bad_rows(Host& host, const TensorRef& table) {
  return host.op("embedding", {table, host.integers({0, 9}, {2}), -1.0});
}

void check_poison(Checks& checks) {
  Host host;
  TensorRef table = host.filled(1, {4, 3}, true);
  TensorRef later =
      host.multiply(host.add(bad_rows(host, table), host.filled(1, {2, 3})), host.filled(2, {2, 3}));
  TensorRef apart = host.add(table, table);
  checks.expect_error(ErrorCode::data, "embedding: ", [&] { host.read(later); });
  checks.expect_error(ErrorCode::data, "embedding: ", [&] { host.read(later); });
  checks.expect(host.read(apart) == Values(12, 2), "unrelated work goes on");
}

// A forward that failed marks every gradient, also where backward() was given one to start from, and neither
// the gradient function (embedding, gelu) nor the addition that only hands on reads what failed.
void check_poison_from_given_gradient(Checks& checks) {
  Host host;
  TensorRef dy = host.filled(1, {2, 3});
  const auto expect_marked = [&](const TensorRef& leaf) {
    checks.expect_error(ErrorCode::data, "embedding: ", [&] { host.gradient(leaf); });
  };
  TensorRef table = host.filled(1, {4, 3}, true);
  host.backward(bad_rows(host, table), dy);
  expect_marked(table);
  TensorRef bad = bad_rows(host, host.filled(1, {4, 3}));
  TensorRef x = host.filled(1, {2, 3}, true), y = host.filled(1, {2, 3}, true);
  host.backward(host.add(bad, x), dy);
  expect_marked(x);
  host.backward(host.add(bad, host.multiply(y, y)), dy);
  expect_marked(y);
  checks.expect(host.read(dy) == Values(6, 1), "the given gradient is sound");
}

void check_skipped_update(Checks& checks) {
  Host host;
  Environment& environment = *host.environment;
  TensorRef table = host.filled(1, {4, 3}, true), other = host.filled(3, {2}, true);
  TensorRef m = host.filled(0, {4, 3}), v = host.filled(0, {4, 3}), m2 = host.filled(0, {2}),
            v2 = host.filled(0, {2});
  auto step = [&](double number) {
    return host.op("adamw",
                   {0.9, 0.999, 1e-8, number, 0.0, 2.0, table, m, v, 0.1, 0.0, other, m2, v2, 0.1, 0.0});
  };
  host.backward(host.op("sum", {other, -1.0, 0.0}));
  host.backward(host.op("sum", {bad_rows(host, table), -1.0, 0.0}));
  step(1);
  checks.expect(host.read(table) == Values(12, 1) && host.read(other) == Values(2, 3),
                "no parameter was changed");
  checks.expect(host.read(m2) == Values(2, 0), "nor a moment");
  FailureRef failure = environment.claim_failure();
  checks.expect(failure && failure->message.find("embedding: ") == 0, "the skip is reported with its cause");
  checks.expect(!environment.claim_failure(), "once");

  clear_gradients(environment, {table, other});
  host.backward(host.op("sum", {host.add(table, table), -1.0, 0.0}));
  host.backward(host.op("sum", {other, -1.0, 0.0}));
  step(1);
  checks.expect(host.read(table)[0] < 1 && host.read(other)[0] < 3, "the next step trains on");
  checks.expect(!environment.claim_failure(), "without a report");
}

// Overwriting a part must not make the rest of a marked storage look sound.
void check_partial_overwrite(Checks& checks) {
  Host host;
  TensorRef bad = bad_rows(host, host.filled(1, {4, 3}));
  Emitter emitter(*host.environment, "check", 0, bad->view.storage->home);
  emitter.fill(bad->view.row_range(0, 1), 5);
  checks.expect_error(ErrorCode::data, "embedding: ", [&] { host.read(bad); });
  emitter.fill(bad->view, 5);
  checks.expect(host.read(bad) == Values(6, 5), "overwriting all of it heals it");
}

void check_memory(Checks& checks) {
  Allocator& allocator = Device::cpu().allocator();
  size_t before = allocator.counts().live;
  {
    Host host;
    constexpr double side = 4194304;  // 2^22 x 2^21 floats are 2^45 bytes
    TensorRef huge = host.op("random", {2.0, side, side / 2, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0});
    checks.expect_error(ErrorCode::out_of_memory, "out of memory", [&] {
      host.item(host.op("sum", {huge, -1.0, 0.0}));
    });
    checks.expect_error(ErrorCode::out_of_memory, "no room", [&] {
      TensorRef tall = host.tensor({}, {int64_t{1} << 40, 0}), wide = host.tensor({}, {0, int64_t{1} << 40});
      host.op("matmul", {tall, wide, 0.0, 0.0});
    });
    checks.expect(host.item(host.add(host.filled(1, {1}), host.filled(1, {1}))) == 2,
                  "the engine works afterwards");
    host.synchronize();
  }
  checks.expect(allocator.counts().live == before, "all memory comes back");
}

void check_allocator(Checks& checks) {
  Allocator allocator(cpu_memory());
  void* first = allocator.allocate(1000);
  checks.expect(reinterpret_cast<uintptr_t>(first) % 64 == 0, "blocks are aligned");
  allocator.free(first, 1000);
  void* again = allocator.allocate(990);
  checks.expect(again == first, "blocks of about the size are used again");
  checks.expect(allocator.counts().cached == 0 && allocator.counts().live > 0, "and counted");
  allocator.free(again, 990);
  allocator.empty_cache();
  checks.expect(allocator.counts().cached == 0 && allocator.counts().live == 0, "the cache empties");
  checks.expect_error(ErrorCode::out_of_memory, "were needed", [&] { allocator.allocate(size_t{1} << 45); });
}

}  // namespace

void check_failures(Checks& checks) {
  check_poison(checks);
  check_poison_from_given_gradient(checks);
  check_skipped_update(checks);
  check_partial_overwrite(checks);
  check_memory(checks);
  check_allocator(checks);
}

}  // namespace athanor
