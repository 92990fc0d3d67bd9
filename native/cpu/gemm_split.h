// How a matrix product is divided: what gemm.cpp and packed_gemm.cpp share.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

#include "cpu/pool.h"
#include "cpu/thread_state.h"

namespace athanor {
namespace detail {

constexpr size_t depth_most = 768;        // k of a block: a panel of B and a block of A then stay in L2
constexpr size_t rows_most = 128;         // rows of a job
constexpr size_t rows_few = 256;          // up to here a job is a group of columns, with all rows
constexpr size_t rows_streamed = 16;      // up to here the product is bound by reading the weights
constexpr double job_flops = 200 * 1000;  // less is not worth a thread

inline size_t divide_up(size_t a, size_t b) {
  return (a + b - 1) / b;
}

// [0, total) in `parts` parts that differ by at most one.
struct Split {
  size_t total, parts;
  size_t begin(size_t part) const { return part * total / parts; }
  size_t size(size_t part) const { return begin(part + 1) - begin(part); }
};

struct Range {
  size_t begin, end;
};

// How many jobs 2 m n k operations are worth, at most `most` and a few per thread.
inline size_t gemm_jobs(size_t m, size_t n, size_t k, size_t most) {
  double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  size_t jobs = static_cast<size_t>(thread_count()) * 4;
  if (flops < job_flops * static_cast<double>(jobs)) jobs = static_cast<size_t>(flops / job_flops);
  if (jobs > most) jobs = most;
  return jobs > 0 ? jobs : 1;
}

// About as many jobs over `parts` equal parts, the same number of jobs for every thread and of parts for
// every job if possible: all wait for the thread that has more.
inline size_t even_jobs(size_t jobs, size_t parts) {
  const size_t threads = static_cast<size_t>(thread_count());
  if (jobs <= threads) return jobs;
  const size_t most = jobs - jobs % threads;
  for (size_t even = most; even >= threads && 2 * even >= most; even -= threads) {
    if (parts % even == 0) return even;
  }
  return most;
}

// For jobs that follow the preparing jobs of the same parallel region. Indices are handed out in order, so
// each of those has been taken by a thread that is at work on it.
inline void wait_for_none(const std::atomic<size_t>& left) {
  for (int spins = 0; left.load(std::memory_order_acquire) > 0; spins++) {
    if (spins < 1000) {
      pause_cpu();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace detail
}  // namespace athanor
