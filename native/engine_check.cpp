// Links the whole engine without Node, which proves it complete (an addon links happily with a function
// missing and dies at the first call), and checks it; sanitizers run it.
//
//   engine_check [--only kernels|tape|failures|queues|threads|fixtures] [--fixtures FOLDER]
//
// FOLDER is tests/fixtures/ops where that is found. The last line is "N passed, N failed".
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "check/check.h"
#include "cpu/check.h"
#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/op.h"

namespace athanor {

namespace {

struct Arguments {
  std::string only, fixtures = "tests/fixtures/ops";
  bool fixtures_named = false;
};

bool read_arguments(int count, char** values, Arguments& arguments) {
  for (int i = 1; i < count; i++) {
    if (std::strcmp(values[i], "--only") == 0 && i + 1 < count) {
      arguments.only = values[++i];
    } else if (std::strcmp(values[i], "--fixtures") == 0 && i + 1 < count) {
      arguments.fixtures = values[++i];
      arguments.fixtures_named = true;
    } else {
      return false;
    }
  }
  return true;
}

void check_kernels(Checks& checks) {
  std::vector<std::string> failures = check_cpu_kernels();
  for (const std::string& failure : failures) checks.expect(false, failure);
  if (failures.empty()) checks.expect(true, "kernels");
}

void check_table(Checks& checks) {
  for (int i = 0; i < op_count; i++) {
    const Op* op = op_table[i];
    checks.expect(op->call && find_op(op->name) == op,
                  std::string("op ") + op->name + " is found by its name");
  }
}

int run(const Arguments& arguments) {
  Checks checks;
  auto group = [&](const char* name, auto&& body) {
    if (!arguments.only.empty() && arguments.only != name) return;
    auto begin = std::chrono::steady_clock::now();
    int before = checks.passed() + checks.failed();
    try {
      body();
    } catch (const std::exception& error) {
      checks.expect(false, std::string(name) + ": " + error.what());
    }
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%-9s %4d checks, %.1f s\n", name, checks.passed() + checks.failed() - before,
                seconds.count());
    std::fflush(stdout);
  };
  std::printf("instruction set %s, %d threads\n", kernels().isa, thread_count());
  group("table", [&] { check_table(checks); });
  group("kernels", [&] { check_kernels(checks); });
  group("tape", [&] { check_tape(checks); });
  group("failures", [&] { check_failures(checks); });
  group("queues", [&] { check_queues(checks); });
  group("threads", [&] { check_threads(checks); });
  bool found = std::ifstream(arguments.fixtures + "/linear.json").good();
  if (found || arguments.fixtures_named) {
    group("fixtures", [&] { check_fixtures(checks, arguments.fixtures); });
  } else {
    std::printf("fixtures  not found at %s: passed over\n", arguments.fixtures.c_str());
  }
  std::printf("%d passed, %d failed\n", checks.passed(), checks.failed());
  return checks.failed() == 0 && checks.passed() > 0 ? 0 : 1;
}

}  // namespace

}  // namespace athanor

int main(int count, char** values) {
  athanor::Arguments arguments;
  if (!athanor::read_arguments(count, values, arguments)) {
    std::fprintf(stderr, "usage: engine_check [--only GROUP] [--fixtures FOLDER]\n");
    return 2;
  }
  return athanor::run(arguments);
}
