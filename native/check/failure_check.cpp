// What happens when a command fails: the first cause reaches whoever reads, updates are skipped whole, memory
// that cannot be had is an error, and the queue lives on.
#include <iterator>
#include <map>

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
    return host.op("adamw", {0.9, 0.999, 1e-8, number, 0.0, 0.0, 2.0, table, m, v, TensorRef(), 0.1, 0.0,
                             other, m2, v2, TensorRef(), 0.1, 0.0});
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

// The machine's memory, counted.
struct CountedMemory final : RawMemory {
  void* allocate(size_t bytes) override {
    void* pointer = cpu_memory().allocate(bytes);
    if (pointer) blocks++;
    return pointer;
  }
  void forget(void* pointer, size_t bytes) override { cpu_memory().forget(pointer, bytes); }
  void release(void* pointer) override {
    blocks--;
    cpu_memory().release(pointer);
  }
  size_t total() override { return limit; }
  size_t chunk() override { return chunk_size; }

  explicit CountedMemory(size_t size) : chunk_size(size) {}
  const size_t chunk_size;
  int blocks = 0;
  size_t limit = size_t{1} << 40;
};

// Steps of ragged training: what stays, activations that differ in size from step to step and go in reverse
// order while gradients come. No block may overlap another, and little more may be held than is live at most.
void check_large_blocks(Checks& checks, size_t chunk) {
  CountedMemory memory(chunk);
  Allocator allocator(memory);
  std::map<char*, size_t> live;
  bool apart = true;
  const auto take = [&](size_t bytes) {
    char* block = static_cast<char*>(allocator.allocate(bytes));
    auto next = live.lower_bound(block);
    if (next != live.end() && block + bytes > next->first) apart = false;
    if (next != live.begin() && std::prev(next)->first + std::prev(next)->second > block) apart = false;
    live[block] = bytes;
    return block;
  };
  const auto give = [&](char* block) {
    allocator.free(block, live[block]);
    live.erase(block);
  };
  std::vector<char*> kept;
  for (size_t i = 0; i < 40; i++) kept.push_back(take((i % 4 + 1) * 2359296));
  uint32_t state = 1;
  for (int step = 0; step < 60; step++) {
    state = state * 1664525u + 1013904223u;
    const size_t rows = 300 + (state >> 8) % 900;
    std::vector<char*> activations, gradients;
    for (int layer = 0; layer < 12; layer++) {
      for (size_t width : {768, 2304, 768, 768, 3072, 3072, 768})
        activations.push_back(take(rows * width * 4));
    }
    while (!activations.empty()) {
      char* passing = take(rows * 3072);
      give(activations.back());
      activations.pop_back();
      if (activations.size() % 7 == 0) gradients.push_back(take(9437184));
      give(passing);
    }
    for (char* gradient : gradients) give(gradient);
  }
  MemoryCounts counts = allocator.counts();
  checks.expect(apart, "large blocks do not overlap");
  const double held = static_cast<double>(counts.live + counts.cached);
  checks.expect(held <= 1.15 * static_cast<double>(counts.peak),
                "ragged steps hold " + std::to_string(held / static_cast<double>(counts.peak)) +
                    " of what is live at most");
  memory.limit = counts.live + counts.cached;
  checks.expect_error(ErrorCode::out_of_memory, "were needed",
                      [&] { take(counts.cached + (size_t{8} << 20)); });
  if (chunk < (size_t{100} << 20)) {
    kept.push_back(take(size_t{100} << 20));
    checks.expect(allocator.counts().cached < counts.cached, "free chunks make room for what needs it");
  }
  allocator.empty_cache();
  checks.expect(allocator.counts().cached < counts.cached, "the ends of chunks in use can be given back");
  for (char* block : kept) give(block);
  allocator.empty_cache();
  counts = allocator.counts();
  checks.expect(counts.live == 0 && counts.cached == 0 && memory.blocks == 0, "all goes back to the device");
}

}  // namespace

void check_failures(Checks& checks) {
  check_poison(checks);
  check_poison_from_given_gradient(checks);
  check_skipped_update(checks);
  check_partial_overwrite(checks);
  check_memory(checks);
  check_allocator(checks);
  for (size_t megabytes : {64, 1024}) check_large_blocks(checks, megabytes << 20);
}

}  // namespace athanor
