// Runs the checks of every instruction set, and the check of the pool.
#include "cpu/check.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "core/error.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"

namespace athanor {
namespace detail {
namespace {

void check_every_index_once(Failures& failures) {
  for (int threads : {1, 2, 3, 7}) {
    set_thread_count(threads);
    for (size_t count : {0, 1, 2, 5, 1000}) {
      std::vector<std::atomic<int>> runs(count);
      std::atomic<bool> index_in_range{true};
      parallel_for(count, [&](size_t index, Worker& worker) {
        runs[index].fetch_add(1);
        if (worker.index < 0 || worker.index >= threads) index_in_range = false;
      });
      for (size_t i = 0; i < count; i++) {
        if (runs[i] != 1) {
          failures.push_back("pool: index " + std::to_string(i) + " of " + std::to_string(count) + " ran " +
                             std::to_string(runs[i]) + " times with " + std::to_string(threads) + " threads");
          break;
        }
      }
      if (!index_in_range) failures.push_back("pool: worker index out of range");
    }
  }
}

void check_ranges(Failures& failures) {
  for (size_t count : {0, 1, 10, 12345}) {
    for (size_t grain : {0, 1, 7, 1000}) {
      std::vector<std::atomic<int>> runs(count);
      parallel_ranges(count, grain, [&](size_t begin, size_t end, Worker&) {
        for (size_t i = begin; i < end; i++) runs[i].fetch_add(1);
      });
      for (size_t i = 0; i < count; i++) {
        if (runs[i] == 1) continue;
        failures.push_back("pool: parallel_ranges did not visit each element once");
        break;
      }
    }
  }
}

void check_exceptions(Failures& failures) {
  for (int round = 0; round < 50; round++) {
    std::atomic<int> ran{0};
    std::atomic<bool> thrown{false};
    bool caught = false;
    try {
      // Later indices wait for the throw and then go slowly: all 10000 would take a second, so that they only
      // run when they are not skipped, however late the thread that threw gets the processor again. They are
      // handed out after index 20, which is therefore on its way.
      parallel_for(10000, [&](size_t index, Worker&) {
        ran.fetch_add(1);
        if (index == 20) {
          thrown = true;
          throw Error(ErrorCode::data, "thrown in a job");
        }
        if (index < 20) return;
        while (!thrown) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      });
    } catch (const Error& error) {
      caught = error.code == ErrorCode::data && std::strcmp(error.what(), "thrown in a job") == 0;
    }
    if (!caught) failures.push_back("pool: the exception of a job did not reach the caller");
    if (ran == 10000) failures.push_back("pool: the indices after an exception were not skipped");
  }
  std::atomic<int> ran{0};
  parallel_for(100, [&](size_t, Worker&) { ran.fetch_add(1); });
  if (ran != 100) failures.push_back("pool: a call after an exception was not complete");
}

void check_nested(Failures& failures) {
  std::atomic<int> ran{0};
  std::atomic<bool> same_worker{true};
  parallel_for(20, [&](size_t, Worker& outer) {
    parallel_for(30, [&](size_t, Worker& inner) {
      if (&inner != &outer) same_worker = false;
      ran.fetch_add(1);
    });
  });
  if (ran != 600) failures.push_back("pool: nested calls did not run every index");
  if (!same_worker) failures.push_back("pool: a nested call left its worker");
}

void check_scratch(Failures& failures) {
  std::atomic<bool> good{true};
  parallel_for(200, [&](size_t index, Worker& worker) {
    float* buffer[4];
    for (int slot = 0; slot < 4; slot++) {
      buffer[slot] = worker.floats(100 + index * 10, slot);
      if (reinterpret_cast<uintptr_t>(buffer[slot]) % 64 != 0) good = false;
      for (size_t i = 0; i < 100 + index * 10; i++) buffer[slot][i] = static_cast<float>(slot);
    }
    for (int slot = 0; slot < 4; slot++) {
      for (size_t i = 0; i < 100 + index * 10; i++) {
        if (buffer[slot][i] != static_cast<float>(slot)) good = false;
      }
    }
  });
  if (!good) failures.push_back("pool: scratch slots are not aligned or overlap");
}

void check_concurrent_callers(Failures& failures) {
  std::vector<std::thread> callers;
  std::atomic<long> total{0};
  std::atomic<int> errors{0};
  for (int caller = 0; caller < 4; caller++) {
    callers.emplace_back([&] {
      for (int round = 0; round < 500; round++) {
        std::atomic<long> sum{0};
        try {
          parallel_for(64, [&](size_t index, Worker& worker) {
            worker.floats(1000)[0] = 1.0f;
            sum.fetch_add(static_cast<long>(index));
            if (round % 50 == 0 && index == 63) throw std::runtime_error("one");
          });
        } catch (const std::runtime_error&) {
          errors.fetch_add(1);
        }
        total.fetch_add(sum.load());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  if (total != 4L * 500 * (63 * 64 / 2) || errors != 40) {
    failures.push_back("pool: calls from several threads disturbed each other");
  }
}

// Denormals are flushed inside a call, on every thread, and the caller gets its own setting back.
void check_denormals(Failures& failures) {
#if defined(__x86_64__) || defined(__aarch64__)
  volatile float tiny = 1e-38f, hundredth = 0.01f;
  std::atomic<bool> flushed{true};
  float before = tiny * hundredth;
  parallel_for(100, [&](size_t, Worker&) {
    volatile float product = tiny * hundredth;
    if (product != 0.0f) flushed = false;
  });
  float after = tiny * hundredth;
  if (!flushed) failures.push_back("pool: denormals were not flushed in a job");
  if (before != after) failures.push_back("pool: the caller's floating-point mode was not restored");
#else
  (void)failures;
#endif
}

void check_thread_count(Failures& failures) {
  for (int bad : {0, -1, 257}) {
    try {
      set_thread_count(bad);
      failures.push_back("pool: set_thread_count accepted " + std::to_string(bad));
    } catch (const Error& error) {
      if (error.code != ErrorCode::argument) failures.push_back("pool: set_thread_count threw another code");
    }
  }
}

}  // namespace

void check_pool(Failures& failures) {
  int before = thread_count();
  check_every_index_once(failures);
  set_thread_count(3);
  check_ranges(failures);
  check_exceptions(failures);
  check_nested(failures);
  check_scratch(failures);
  check_concurrent_callers(failures);
  check_denormals(failures);
  check_thread_count(failures);
  set_thread_count(before);
}

}  // namespace detail

std::vector<std::string> check_cpu_kernels() {
  std::vector<std::string> failures;
  detail::check_pool(failures);
  int sets = 0;
  for (const char* isa : {"generic", "avx2", "avx512", "neon"}) {
    const Kernels* kernels = kernels_for(isa);
    if (kernels == nullptr) continue;
    sets++;
    std::vector<std::string> found;
    detail::check_functions(*kernels, found);
    detail::check_rows(*kernels, found);
    detail::check_streams(*kernels, found);
    detail::check_decoding(*kernels, found);
    detail::check_gemm(*kernels, found);
    detail::check_packed(*kernels, found);
    for (const std::string& line : found) failures.push_back(std::string(isa) + ": " + line);
  }
  if (sets == 0) failures.push_back("kernels: no instruction set to check");
  return failures;
}

}  // namespace athanor
