// The CPU worker pool. One per process, made on first use and never destroyed; its threads run at low
// priority, spin about 35 us for work and then sleep. The caller works too.
//
// parallel_for hands out indices from an atomic counter, so results must not depend on which worker runs
// which index; reductions across indices are the caller's, in a fixed order. A call made from inside a job
// runs on that worker alone. What a job throws is carried to the caller (the first of them).
#pragma once

#include <cstddef>

namespace athanor {

// What a job may use of the thread that runs it.
class Worker {
 public:
  // At least `bytes` of 64-byte aligned memory, valid until the job ends or asks again with a larger size;
  // `slot` (0 to 3) tells apart buffers that live at the same time. Contents are undefined.
  void* scratch(size_t bytes, int slot = 0);
  float* floats(size_t count, int slot = 0) {
    return static_cast<float*>(scratch(count * sizeof(float), slot));
  }

  int index = 0;  // 0 (the caller) to thread_count() - 1

 private:
  void* buffers_[4] = {nullptr, nullptr, nullptr, nullptr};
  size_t sizes_[4] = {0, 0, 0, 0};
};

// Threads that work, the caller included. The default obeys ATHANOR_THREADS, the process's CPU affinity and
// the container's CPU limit (cgroup v1 and v2).
int thread_count();
void set_thread_count(int count);  // 1 to 256; takes effect at the next parallel_for

namespace detail {
using JobFunction = void (*)(const void* body, size_t index, Worker& worker);
void run_parallel(size_t count, JobFunction function, const void* body);
}  // namespace detail

// Runs body(index, worker) once for every index in [0, count).
template <class Body>
void parallel_for(size_t count, const Body& body) {
  detail::run_parallel(
      count,
      [](const void* b, size_t index, Worker& worker) { (*static_cast<const Body*>(b))(index, worker); },
      &body);
}

// Runs body(begin, end, worker) over [0, count) cut into pieces of at least `grain`, a few per thread.
// The cut depends on count, grain and thread_count() only.
template <class Body>
void parallel_ranges(size_t count, size_t grain, const Body& body) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  size_t pieces = (count + grain - 1) / grain;
  size_t most = static_cast<size_t>(thread_count()) * 4;
  if (pieces > most) pieces = most;
  size_t each = (count + pieces - 1) / pieces;
  pieces = (count + each - 1) / each;
  parallel_for(pieces, [&](size_t index, Worker& worker) {
    size_t begin = index * each;
    size_t end = begin + each < count ? begin + each : count;
    body(begin, end, worker);
  });
}

}  // namespace athanor
