// Several environments at once, each on its own thread, as workers are: the same training gives the same bits
// on all of them; failures stay at home; environments that end in mid-run harm nobody.
#include <thread>

#include "check/check.h"

namespace athanor {

namespace {

using Values = std::vector<float>;

constexpr int64_t rows = 24, inputs = 16, hidden = 32, classes = 5;

Values numbers(int64_t count, uint32_t seed) {
  Values values(static_cast<size_t>(count));
  for (float& v : values) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(seed >> 8) - (1 << 23)) * 2.4e-8f;
  }
  return values;
}

// A small classifier with what training needs.
class Classifier {
 public:
  explicit Classifier(Host& host, int32_t queue)
      : host_(host),
        w1_(host.tensor(numbers(hidden * inputs, 1), {hidden, inputs}, true, queue)),
        b1_(host.tensor(Values(hidden, 0), {hidden}, true, queue)),
        w2_(host.tensor(numbers(classes * hidden, 2), {classes, hidden}, true, queue)),
        b2_(host.tensor(Values(classes, 0), {classes}, true, queue)),
        x_(host.tensor(numbers(rows * inputs, 3), {rows, inputs})) {
    std::vector<int32_t> labels;
    for (int i = 0; i < rows; i++) labels.push_back(i % static_cast<int>(classes));
    labels_ = host.integers(labels, {rows});
    for (const TensorRef& p : parameters()) {
      size_t n = static_cast<size_t>(p->view.count());
      moments_.push_back(host.tensor(Values(n, 0), p->view.shape, false, queue));
      moments_.push_back(host.tensor(Values(n, 0), p->view.shape, false, queue));
    }
  }

  std::vector<TensorRef> parameters() const { return {w1_, b1_, w2_, b2_}; }

  TensorRef step(int number) {
    TensorRef h = host_.op("linear", {x_, w1_, b1_, 2.0, 0.0});
    TensorRef y = host_.op("linear", {h, w2_, b2_, 0.0, 0.0});
    TensorRef loss = host_.op("cross_entropy", {y, labels_, TensorRef(), -100.0, 0.0, 0.0});
    host_.backward(loss);
    std::vector<Argument> arguments{0.9, 0.999, 1e-8, static_cast<double>(number), 1.0, 0.0, 4.0};
    std::vector<TensorRef> all = parameters();
    for (size_t i = 0; i < all.size(); i++) {
      arguments.insert(arguments.end(),
                       {all[i], moments_[2 * i], moments_[2 * i + 1], TensorRef(), 0.01, 0.01});
    }
    host_.ops("adamw", arguments);
    clear_gradients(*host_.environment, all);
    return loss;
  }

 private:
  Host& host_;
  TensorRef w1_, b1_, w2_, b2_, x_, labels_;
  std::vector<TensorRef> moments_;
};

Values train(Host& host, int steps) {
  Classifier model(host, host.environment->add_queue(Device::cpu(), Priority::normal));
  Values losses;
  for (int i = 1; i <= steps; i++) {
    TensorRef loss = model.step(i);
    if (i % 5 == 0) losses.push_back(host.item(loss));
  }
  return losses;
}

void check_producers(Checks& checks) {
  constexpr int producers = 4, steps = 40;
  std::vector<Values> losses(producers);
  std::vector<std::thread> threads;
  for (int i = 0; i < producers; i++) {
    threads.emplace_back([i, &losses] {
      Host host;
      losses[static_cast<size_t>(i)] = train(host, steps);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Host host;
  Values alone = train(host, steps);
  checks.expect(alone.back() < 0.5f * alone.front(), "training brings the loss down");
  for (const Values& one : losses) checks.expect(one == alone, "the same bits on every thread");
}

// Each thread makes mistakes of its own; none sees another's.
void check_separate_failures(Checks& checks) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    threads.emplace_back([i, &checks] {
      Host host;
      TensorRef table = host.filled(1, {4, 3}, true);
      for (int round = 0; round < 50; round++) {
        bool fails = (round + i) % 3 == 0;
        TensorRef y = host.op("embedding", {table, host.integers({0, fails ? 4 : 3}, {2}), -1.0});
        host.backward(host.op("sum", {y, -1.0, 0.0}));
        host.ops("sgd", {0.0, 0.0, 0.0, 0.0, 0.0, 1.0, table, TensorRef(), TensorRef(), 0.0, 0.0, 1.0});
        host.synchronize();
        FailureRef failure = host.environment->claim_failure();
        checks.expect((failure != nullptr) == fails, "a thread is told of its own skips only");
        clear_gradients(*host.environment, {table});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Environments that end with work queued and running, beside one that goes on.
void check_ends(Checks& checks) {
  Host survivor;
  std::thread endings([] {
    for (int i = 0; i < 40; i++) {
      Host host;
      Classifier model(host, host.environment->add_queue(Device::cpu(), Priority::high));
      for (int step = 1; step <= 5; step++) model.step(step);
    }
  });
  Values losses = train(survivor, 60);
  endings.join();
  Host host;
  checks.expect(losses == train(host, 60), "environments that end in mid-run change nothing elsewhere");
}

}  // namespace

void check_threads(Checks& checks) {
  check_producers(checks);
  check_separate_failures(checks);
  check_ends(checks);
  bool known = false;
  for (const DeviceState& state : Device::list()) known = known || (state.name == "cpu" && state.available);
  checks.expect(known, "the CPU is listed");
  checks.expect_error(ErrorCode::argument, "device must be", [] { Device::get("gpu"); });
}

}  // namespace athanor
