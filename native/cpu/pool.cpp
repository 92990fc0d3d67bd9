// The worker pool. One call at a time owns the pool; it opens a gate, works itself, closes the gate and waits
// for the threads that had come in. A thread that wakes too late finds the gate closed, so a short call never
// waits for a sleeper. A caller that finds the pool taken runs its jobs alone.
//
// The gate is one word: threads inside (16 bits), open (1 bit), number of the call (the rest).
//
// Whoever goes to sleep says so and then looks at the gate; whoever changes the gate then looks for sleepers.
// What is said before the look is an exchange, not a store: QEMU's AArch64 lets a load pass a store, and both
// would miss.
#include "cpu/pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "cpu/available_cpus.h"
#include "cpu/thread_state.h"

namespace athanor {
namespace {

constexpr uint64_t gate_open = 1u << 16;
constexpr uint64_t gate_inside = gate_open - 1;
constexpr uint64_t gate_call = gate_open << 1;
constexpr int most_threads = 256;
constexpr auto spin_time = std::chrono::microseconds(35);

// Calls ready() until it is true or the spin time has passed.
template <class Ready>
bool spin_until(const Ready& ready) {
  auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 16; i++) {
      if (ready()) return true;
      pause_cpu();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

// The worker whose job runs on this thread, or null.
thread_local Worker* current_worker = nullptr;

class Pool {
 public:
  static Pool& get() {
    static Pool* pool = new Pool;  // leaked: threads outlive main
    return *pool;
  }

  int thread_count() const { return wanted_.load(std::memory_order_relaxed); }
  void set_thread_count(int count) { wanted_.store(count, std::memory_order_relaxed); }

  void run(size_t count, detail::JobFunction function, const void* body) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) {
      run_alone(count, function, body);
      return;
    }
    int threads = thread_count();
    start_threads(threads);
    function_ = function;
    body_ = body;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    active_.store(threads, std::memory_order_relaxed);
    call_ += gate_call;
    gate_.exchange(call_ | gate_open);
    if (sleepers_.load() > 0) wake(count - 1);
    work(*callers_worker_);
    close();
    if (failed_.load(std::memory_order_relaxed)) {
      std::exception_ptr error = std::move(error_);
      error_ = nullptr;
      failed_.store(false, std::memory_order_relaxed);
      owner.unlock();
      std::rethrow_exception(error);
    }
  }

 private:
  Pool() : wanted_(default_thread_count()), callers_worker_(new Worker) {}

  static int default_thread_count() {
    const char* text = std::getenv("ATHANOR_THREADS");
    if (text == nullptr || *text == 0) {
      int cpus = available_cpus();
      return cpus < most_threads ? cpus : most_threads;
    }
    char* end = nullptr;
    long value = std::strtol(text, &end, 10);
    if (*end != 0 || value < 1 || value > most_threads) {
      throw Error(ErrorCode::argument,
                  std::string("ATHANOR_THREADS: must be a whole number from 1 to 256, got ") + text);
    }
    return static_cast<int>(value);
  }

  // Threads are only ever added; those above the active count stay asleep. Where the system refuses a thread
  // the pool goes on with fewer.
  void start_threads(int threads) {
    while (started_ < threads - 1) {
      Worker* worker = new Worker;
      worker->index = started_ + 1;
      try {
        std::thread([this, worker] { thread_main(*worker); }).detach();
      } catch (const std::system_error&) {
        delete worker;
        return;
      }
      started_++;
    }
  }

  // Whether this worker should come in: an open gate of a call that it has not served.
  bool invited(const Worker& worker, uint64_t served) const {
    uint64_t gate = gate_.load();
    return (gate & gate_open) != 0 && gate / gate_call != served &&
           worker.index < active_.load(std::memory_order_relaxed);
  }

  void thread_main(Worker& worker) {
    lower_thread_priority();
    set_flush_denormals();
    uint64_t served = 0;
    for (;;) {
      auto ready = [&] { return invited(worker, served); };
      if (!spin_until(ready)) {
        std::unique_lock<std::mutex> lock(sleep_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, ready);
        sleepers_.fetch_sub(1);
      }
      uint64_t gate = gate_.load();
      if ((gate & gate_open) == 0 || gate / gate_call == served) continue;
      if (!gate_.compare_exchange_strong(gate, gate + 1)) continue;
      served = gate / gate_call;
      if (worker.index < active_.load(std::memory_order_relaxed)) work(worker);
      leave();
    }
  }

  void wake(size_t useful) {
    { std::lock_guard<std::mutex> lock(sleep_); }
    if (useful == 1 && started_ == 1) {
      wake_.notify_one();
    } else {
      wake_.notify_all();
    }
  }

  void work(Worker& worker) {
    Worker* outer = current_worker;
    current_worker = &worker;
    for (;;) {
      size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= count_) break;
      try {
        function_(body_, index, worker);
      } catch (...) {
        next_.store(count_, std::memory_order_relaxed);
        std::lock_guard<std::mutex> lock(error_lock_);
        if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
      }
    }
    current_worker = outer;
  }

  void leave() {
    uint64_t before = gate_.fetch_sub(1);
    bool last = (before & gate_inside) == 1 && (before & gate_open) == 0;
    if (last && caller_waits_.load()) {
      { std::lock_guard<std::mutex> lock(sleep_); }
      done_.notify_one();
    }
  }

  // Nobody comes in any more; returns when those inside have left.
  void close() {
    gate_.fetch_and(~gate_open);
    auto empty = [&] { return (gate_.load() & gate_inside) == 0; };
    if (spin_until(empty)) return;
    std::unique_lock<std::mutex> lock(sleep_);
    caller_waits_.exchange(true);
    done_.wait(lock, empty);
    caller_waits_.store(false);
  }

  // The workers of callers that found the pool taken are kept for the next one.
  void run_alone(size_t count, detail::JobFunction function, const void* body) {
    Worker* worker = nullptr;
    {
      std::lock_guard<std::mutex> lock(spare_lock_);
      if (!spare_.empty()) {
        worker = spare_.back();
        spare_.pop_back();
      }
    }
    if (worker == nullptr) worker = new Worker;
    current_worker = worker;
    std::exception_ptr error;
    try {
      for (size_t index = 0; index < count; index++) function(body, index, *worker);
    } catch (...) {
      error = std::current_exception();
    }
    current_worker = nullptr;
    {
      std::lock_guard<std::mutex> lock(spare_lock_);
      spare_.push_back(worker);
    }
    if (error) std::rethrow_exception(error);
  }

  // Each on its own cache line: the caller and the workers write them at the same time.
  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<size_t> next_{0};
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> caller_waits_{false};
  std::atomic<bool> failed_{false};
  std::atomic<int> active_{1};
  std::atomic<int> wanted_;

  detail::JobFunction function_ = nullptr;
  const void* body_ = nullptr;
  size_t count_ = 0;
  uint64_t call_ = 0;
  int started_ = 0;
  Worker* callers_worker_;
  std::mutex owner_;

  std::mutex sleep_;
  std::condition_variable wake_, done_;
  std::mutex error_lock_;
  std::exception_ptr error_;
  std::mutex spare_lock_;
  std::vector<Worker*> spare_;
};

}  // namespace

void* Worker::scratch(size_t bytes, int slot) {
  if (bytes > sizes_[slot]) {
    size_t size = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    ::operator delete(buffers_[slot], std::align_val_t(64));
    buffers_[slot] = nullptr;
    sizes_[slot] = 0;
    buffers_[slot] = ::operator new(size, std::align_val_t(64), std::nothrow);
    if (buffers_[slot] == nullptr) {
      throw Error(ErrorCode::out_of_memory,
                  "worker scratch: needed " + std::to_string(size) + " bytes, the system has no more memory");
    }
    sizes_[slot] = size;
  }
  return buffers_[slot];
}

int thread_count() {
  return Pool::get().thread_count();
}

void set_thread_count(int count) {
  if (count < 1 || count > most_threads) {
    throw Error(ErrorCode::argument,
                "set_thread_count: count must be from 1 to 256, got " + std::to_string(count));
  }
  Pool::get().set_thread_count(count);
}

namespace detail {

void run_parallel(size_t count, JobFunction function, const void* body) {
  if (count == 0) return;
  if (current_worker != nullptr) {
    for (size_t index = 0; index < count; index++) function(body, index, *current_worker);
    return;
  }
  FlushDenormals flush;
  Pool::get().run(count, function, body);
}

}  // namespace detail
}  // namespace athanor
