// What the checks of the engine share: counting, and an environment without Node.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/call.h"
#include "core/device.h"
#include "core/environment.h"

namespace athanor {

// Counts what held and prints what did not; any thread.
class Checks {
 public:
  void expect(bool holds, const std::string& what);
  void expect_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance,
                    const std::string& what);
  // Whether body throws an Error with this code whose message holds `mention`.
  template <class Body>
  void expect_error(ErrorCode code, const std::string& mention, const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      std::string message = error.what();
      expect(error.code == code && message.find(mention) != std::string::npos,
             std::string("expected ") + error_code_name(code) + " with \"" + mention + "\", got " +
                 error_code_name(error.code) + " " + message);
      return;
    }
    expect(false, std::string("expected ") + error_code_name(code) + " with \"" + mention +
                      "\", nothing was thrown");
  }

  int passed() const { return passed_; }
  int failed() const { return failed_; }

 private:
  std::mutex mutex_;
  int passed_ = 0, failed_ = 0;
};

// An argument of an op call: a tensor (null: none) or a number.
struct Argument {
  Argument(const TensorRef& tensor) : tensor(tensor), is_tensor(true) {}
  Argument(double number) : number(number) {}
  TensorRef tensor;
  double number = 0;
  bool is_tensor = false;
};

class HostEnvironment final : public Environment {};

// One environment as a program would use it; its end is that of this object.
class Host {
 public:
  Host() : environment(std::make_shared<HostEnvironment>()) {}
  ~Host() { environment->end(); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const std::shared_ptr<HostEnvironment> environment;

  // Queue 0: the default one.
  TensorRef tensor(const std::vector<float>& values, const Shape& shape, bool requires_grad = false,
                   int32_t queue = 0);
  TensorRef integers(const std::vector<int32_t>& values, const Shape& shape);
  TensorRef filled(float value, const Shape& shape, bool requires_grad = false);

  // The op of the table by name, as the binding calls it.
  std::vector<TensorRef> ops(const char* name, const std::vector<Argument>& arguments);
  TensorRef op(const char* name, const std::vector<Argument>& arguments) {
    return ops(name, arguments).at(0);
  }
  TensorRef add(const TensorRef& a, const TensorRef& b) { return op("arithmetic", {a, b, 0.0, 0.0}); }
  TensorRef multiply(const TensorRef& a, const TensorRef& b) { return op("arithmetic", {a, b, 2.0, 0.0}); }

  void backward(const TensorRef& loss, bool retain_graph = false);
  void backward(const TensorRef& loss, const TensorRef& gradient);

  // Waits for the elements; throws the failure that a command left there.
  std::vector<float> read(const TensorRef& tensor);
  float item(const TensorRef& tensor) { return read(tensor).at(0); }
  std::vector<float> gradient(const TensorRef& leaf);  // empty if there is none
  void synchronize();

  // A plain command on a queue.
  void run(const QueueRef& queue, std::function<void()> body);

 private:
  TensorRef make(DType dtype, const Shape& shape, const void* bytes, int32_t queue);
};

// Holds the executor in a command until it is opened, so that what is queued behind has a known order.
class Gate {
 public:
  explicit Gate(Host& host, const QueueRef& queue);
  ~Gate() { open(); }
  void open();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool entered = false, open = false;
  };
  std::shared_ptr<State> state_;
};

// The groups; engine_check.cpp runs them.
void check_tape(Checks& checks);
void check_failures(Checks& checks);
void check_queues(Checks& checks);
void check_threads(Checks& checks);
// The op fixtures in this folder (tests/fixtures/ops).
void check_fixtures(Checks& checks, const std::string& folder);

}  // namespace athanor
