// Checks of kernels against the CPU's functions and plain loops, in the emulator or on a GPU.
//
//   kernel_check [OP[/PART OF A CASE'S NAME]...] [--seeds 0,1,2] [--part I/N] [--list] [--times]
//                [--fail-fast]
//
// Seeds are orders of threads and blocks (emulator/run.h); a GPU runs each case once. --part takes every N-th
// case, so that N processes share the work. The last line is "N passed, N failed", cases times seeds.
#include "cuda/check/kernel_check.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "core/accelerator.h"
#include "cuda/check.h"

namespace athanor {

namespace {

std::vector<const KernelCheckCase*>& all_cases() {
  static std::vector<const KernelCheckCase*>* cases = new std::vector<const KernelCheckCase*>();
  return *cases;
}

constexpr size_t most_shown = 5;

// Exactly the bytes asked for and never the same block twice, so that overruns and stale values show.
class ExactMemory final : public Memory {
 public:
  void* allocate(size_t bytes) override {
    if (bytes == 0) return nullptr;
    void* pointer = nullptr;
    check(cudaMalloc(&pointer, bytes), "scratch");
    check(cudaMemset(pointer, 0xFF, bytes), "scratch");
    return pointer;
  }
  void free(void* pointer, size_t) override { cudaFree(pointer); }
};

struct Arguments {
  std::vector<std::string> filters;
  std::vector<uint64_t> seeds;
  unsigned long part = 1, parts = 1;
  bool list = false, times = false, fail_fast = false;
};

void read_seeds(const std::string& text, Arguments& arguments) {
  arguments.seeds.clear();
  for (size_t at = 0; at < text.size();) {
    arguments.seeds.push_back(std::strtoull(text.c_str() + at, nullptr, 10));
    const size_t comma = text.find(',', at);
    at = comma == std::string::npos ? text.size() : comma + 1;
  }
}

bool read_part(const std::string& text, Arguments& arguments) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return false;
  arguments.part = std::strtoul(text.c_str(), nullptr, 10);
  arguments.parts = std::strtoul(text.c_str() + slash + 1, nullptr, 10);
  return arguments.part >= 1 && arguments.part <= arguments.parts;
}

bool read_arguments(int count, char** values, Arguments& arguments) {
#if defined(CUDA_EMULATED)
  arguments.seeds = {0, 1, 2};
#else
  arguments.seeds = {0};
#endif
  for (int i = 1; i < count; i++) {
    const std::string value = values[i];
    if (value == "--list") {
      arguments.list = true;
    } else if (value == "--times") {
      arguments.times = true;
    } else if (value == "--fail-fast") {
      arguments.fail_fast = true;
    } else if (value == "--seeds" && i + 1 < count) {
      read_seeds(values[++i], arguments);
    } else if (value == "--part" && i + 1 < count) {
      if (!read_part(values[++i], arguments)) return false;
    } else if (value.compare(0, 1, "-") == 0) {
      return false;
    } else {
      arguments.filters.push_back(value);
    }
  }
  return !arguments.seeds.empty();
}

bool wanted(const KernelCheckCase& one, const Arguments& arguments) {
  if (arguments.filters.empty()) return std::string(one.op) != "fault";  // those end the program
  return std::any_of(arguments.filters.begin(), arguments.filters.end(), [&](const std::string& filter) {
    const size_t slash = filter.find('/');
    if (filter.substr(0, slash) != one.op) return false;
    return slash == std::string::npos ||
           std::string(one.name).find(filter.substr(slash + 1)) != std::string::npos;
  });
}

void begin_seed(uint64_t seed) {
#if defined(CUDA_EMULATED)
  emulated::clear_failure();
  emulated::set_seed(seed);
#else
  (void)seed;
#endif
}

std::vector<const KernelCheckCase*> wanted_cases(const Arguments& arguments) {
  std::vector<const KernelCheckCase*> cases;
  unsigned long number = 0;
  for (const KernelCheckCase* one : all_cases()) {
    if (wanted(*one, arguments) && number++ % arguments.parts == arguments.part - 1) cases.push_back(one);
  }
  return cases;
}

bool run_case(const KernelCheckCase& one, uint64_t seed, const Cuda& cuda, bool times) {
  begin_seed(seed);
  KernelCheck run(std::string(one.op) + "/" + one.name, cuda);
  const auto began = std::chrono::steady_clock::now();
  try {
    one.body(run);
    check(cudaDeviceSynchronize(), "end of case");
  } catch (const std::exception& error) {
    run.expect(false, error.what());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  if (run.failed())
    std::printf("FAILED %s, seed %llu\n", run.name().c_str(), static_cast<unsigned long long>(seed));
  if (times)
    std::printf("%8.3f s  %s, seed %llu\n", seconds.count(), run.name().c_str(),
                static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return !run.failed();
}

int run_all(const Arguments& arguments) {
  if (!cuda_support().reason.empty()) {
    std::printf("%s\n0 passed, 1 failed\n", cuda_support().reason.c_str());
    return 1;
  }
  static ExactMemory memory;
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamDefault), "stream");
  const Cuda cuda{stream, &memory, &make_cuda_accelerator(0).properties()};
  const std::vector<const KernelCheckCase*> cases = wanted_cases(arguments);
  int passed = 0, failed = 0;
  for (uint64_t seed : arguments.seeds) {
    for (const KernelCheckCase* one : cases) {
      ++(run_case(*one, seed, cuda, arguments.times) ? passed : failed);
      if (failed && arguments.fail_fast) break;
    }
    if (failed && arguments.fail_fast) break;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

KernelCheckCase::KernelCheckCase(const char* op, const char* name, void (*body)(KernelCheck&))
    : op(op), name(name), body(body) {
  all_cases().push_back(this);
}

CheckRandom::CheckRandom(const std::string& name) : state_(14695981039346656037u) {
  for (unsigned char c : name) state_ = (state_ ^ c) * 1099511628211u;  // FNV-1a
}

uint64_t CheckRandom::bits() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

float CheckRandom::uniform(float least, float most) {
  return least + (most - least) * (static_cast<float>(bits() >> 40) * 0x1p-24f);
}

float CheckRandom::normal() {
  const double radius = std::sqrt(-2 * std::log((static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53));
  return static_cast<float>(radius *
                            std::cos(6.283185307179586 * static_cast<double>(bits() >> 11) * 0x1p-53));
}

int32_t CheckRandom::integer(int32_t least, int32_t most) {
  const uint64_t range = static_cast<uint64_t>(static_cast<int64_t>(most) - least + 1);
  return static_cast<int32_t>(least + static_cast<int64_t>(bits() % range));
}

std::vector<float> CheckRandom::floats(size_t count, float least, float most) {
  std::vector<float> values(count);
  for (float& value : values) value = uniform(least, most);
  return values;
}

std::vector<float> CheckRandom::normals(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = normal();
  return values;
}

std::vector<int32_t> CheckRandom::integers(size_t count, int32_t least, int32_t most) {
  std::vector<int32_t> values(count);
  for (int32_t& value : values) value = integer(least, most);
  return values;
}

void KernelCheck::expect(bool holds, const std::string& what) {
  if (holds) return;
  failed_ = true;
  std::printf("  %s: %s\n", name_.c_str(), what.c_str());
}

bool KernelCheck::same_size(const std::string& what, size_t got, size_t wanted) {
  wrong_ = 0;
  expect(got == wanted, what + ": needed " + std::to_string(wanted) + " values, got " + std::to_string(got));
  return got == wanted;
}

void KernelCheck::compare(const std::string& what, size_t index, double got, double wanted,
                          Tolerance tolerance) {
  const double most = tolerance.absolute + tolerance.relative * std::fabs(wanted);
  if (got == wanted || std::fabs(got - wanted) <= most || (std::isnan(got) && std::isnan(wanted))) return;
  if (wrong_++ >= most_shown) return;
  char text[160];
  std::snprintf(text, sizeof(text), "[%zu] is %.9g, needed %.9g within %.3g", index, got, wanted, most);
  expect(false, what + text);
}

void KernelCheck::summarise(const std::string& what) {
  if (wrong_ > most_shown) expect(false, what + ": " + std::to_string(wrong_) + " values are wrong");
}

}  // namespace athanor

int main(int count, char** values) {
  athanor::Arguments arguments;
  if (!athanor::read_arguments(count, values, arguments)) {
    std::fprintf(stderr,
                 "usage: kernel_check [OP[/CASE]...] [--seeds 0,1,2] [--part I/N] [--list] [--times] "
                 "[--fail-fast]\n");
    return 2;
  }
  if (arguments.list) {
    for (const athanor::KernelCheckCase* one : athanor::all_cases())
      std::printf("%s/%s\n", one->op, one->name);
    return 0;
  }
  try {
    return athanor::run_all(arguments);
  } catch (const std::exception& error) {
    std::printf("%s\n0 passed, 1 failed\n", error.what());
    return 1;
  }
}
