// g++ -O3 -std=c++17 -march=native -ffp-contract=fast -pthread benchmarks/native/calibrate.cpp -o calibrate
//
// What the machine gives right now: fp32 multiply-adds from registers (1 thread, n threads, n threads with
// vectors of 256 bits) and bytes read from memory. The benchmark driver keeps it as a child process, reads
// its peaks once, and asks for a check before and after each sample, so that slow moments can be told.
//
// Usage: calibrate THREADS. Reads a word a line from standard input, answers each with a line of JSON:
//   check  the median of five loops of a tenth of a millisecond on all threads: {"gflops": n}
//   read   the best of three passes over 512 MB by all threads: {"gb_s": n}
//   peaks  the best of many: {"fma1": GFLOP/s, "fma": ..., "fma256": ..., "read1": GB/s, "read": ...}
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int widest = 16;
#elif defined(__AVX__)
constexpr int widest = 8;
#else
constexpr int widest = 4;
#endif

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Twelve independent chains: enough for two units of four or five cycles, few enough for sixteen registers.
template <int width>
float multiply_add(long steps) {
  typedef float Vector __attribute__((vector_size(width * 4)));
  constexpr int chains = 12;
  Vector sums[chains];
  for (int c = 0; c < chains; c++) sums[c] = Vector{} + static_cast<float>(c);
  Vector factor = Vector{} + 0.999f, term = Vector{} + 0.001f;
  for (long i = 0; i < steps; i++) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; c++) sums[c] = sums[c] * factor + term;
  }
  float lanes[chains * width];
  std::memcpy(lanes, sums, sizeof lanes);
  float total = 0;
  for (float lane : lanes) total += lane;
  return total;
}

template <int width>
double flops_of(long steps) {
  return 2.0 * 12 * width * static_cast<double>(steps);
}

// Eight sums of whole vectors: the adders keep up with the memory.
float read_all(const float* data, size_t count) {
  typedef float Vector __attribute__((vector_size(widest * 4)));
  Vector sums[8] = {};
  for (size_t i = 0; i + 8 * widest <= count; i += 8 * widest) {
#pragma GCC unroll 8
    for (size_t c = 0; c < 8; c++) {
      Vector x;
      std::memcpy(&x, data + i + c * widest, sizeof x);
      sums[c] += x;
    }
  }
  float total = 0;
  for (const Vector& sum : sums) total += sum[0];
  return total;
}

// Threads that sleep between jobs. All start a job together: they meet at a counter first.
class Team {
 public:
  explicit Team(int size) : size_(size) {
    for (int id = 1; id < size; id++) threads_.emplace_back([this, id] { serve(id); });
  }

  // Seconds from the meeting to the end of the slowest thread.
  double run(const std::function<void(int)>& job) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      arrived_ = 0;
      finished_ = 0;
      round_++;
    }
    wake_.notify_all();
    meet();
    Clock::time_point start = Clock::now();
    job(0);
    finished_++;
    while (finished_ < size_) std::this_thread::yield();
    return seconds_since(start);
  }

 private:
  void meet() {
    arrived_++;
    while (arrived_ < size_) {
    }
  }

  void serve(int id) {
    for (int seen = 0;;) {
      const std::function<void(int)>* job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        job = job_;
      }
      meet();
      (*job)(id);
      finished_++;
    }
  }

  const int size_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  const std::function<void(int)>* job_ = nullptr;
  int round_ = 0;
  std::atomic<int> arrived_{0}, finished_{0};
};

volatile float sink;

template <int width>
double multiply_add_rate(Team& team, int threads, long steps) {
  double seconds = team.run([&](int) { sink = multiply_add<width>(steps); });
  return threads * flops_of<width>(steps) / seconds / 1e9;
}

constexpr long check_steps = 100000;

double check(Team& team, int threads) {
  double rates[5];
  multiply_add_rate<widest>(team, threads, check_steps);  // wakes the threads
  for (double& rate : rates) rate = multiply_add_rate<widest>(team, threads, check_steps);
  std::sort(rates, rates + 5);
  return rates[2];
}

template <int width>
double best_multiply_add(Team& team, int threads) {
  double best = 0;
  for (int i = 0; i < 200; i++) best = std::max(best, multiply_add_rate<width>(team, threads, check_steps));
  return best;
}

double best_read(Team& team, int threads, const std::vector<float>& data, int passes) {
  size_t share = data.size() / static_cast<size_t>(threads);
  double best = 0;
  for (int i = 0; i < passes; i++) {
    double seconds =
        team.run([&](int id) { sink = read_all(data.data() + static_cast<size_t>(id) * share, share); });
    best = std::max(best, 4.0 * static_cast<double>(share) * threads / seconds / 1e9);
  }
  return best;
}

void print_peaks(Team& team, Team& single, int threads, const std::vector<float>& data) {
  double fma1 = best_multiply_add<widest>(single, 1);
  double fma = best_multiply_add<widest>(team, threads);
  double fma256 = best_multiply_add<(widest < 8 ? widest : 8)>(team, threads);
  double read1 = best_read(single, 1, data, 12);
  double read = best_read(team, threads, data, 12);
  std::printf("{\"fma1\":%.1f,\"fma\":%.1f,\"fma256\":%.1f,", fma1, fma, fma256);
  std::printf("\"read1\":%.2f,\"read\":%.2f}\n", read1, read);
}

}  // namespace

int main(int argc, char** argv) {
  int threads = argc > 1 ? std::atoi(argv[1]) : 0;
  if (threads < 1) {
    std::fprintf(stderr, "usage: calibrate THREADS\n");
    return 1;
  }
  Team team(threads), single(1);
  const std::vector<float> data(size_t{128} << 20, 1.0f);
  char line[64];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    if (std::strncmp(line, "check", 5) == 0)
      std::printf("{\"gflops\":%.1f}\n", check(team, threads));
    else if (std::strncmp(line, "read", 4) == 0)
      std::printf("{\"gb_s\":%.2f}\n", best_read(team, threads, data, 3));
    else if (std::strncmp(line, "peaks", 5) == 0)
      print_peaks(team, single, threads, data);
    else
      std::printf("{\"error\":\"check, read or peaks, please\"}\n");
    std::fflush(stdout);
  }
  std::_Exit(0);  // the team's threads wait for ever
}
