// Chooses the instruction set: the best that was built and that the processor has, or the one that
// ATHANOR_ISA names.
#include "cpu/kernels.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"

namespace athanor {

namespace generic {
extern const Kernels table;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels table;
}
#endif

namespace {

struct Choice {
  const Kernels* table;
  bool (*supported)();
};

bool always() {
  return true;
}

#if defined(__x86_64__)
// Every flag that the files of the set are compiled with.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

// From the best down.
const Choice choices[] = {{&avx512::table, has_avx512}, {&avx2::table, has_avx2}, {&generic::table, always}};
#elif defined(__aarch64__)
const Choice choices[] = {{&neon::table, always}, {&generic::table, always}};
#else
const Choice choices[] = {{&generic::table, always}};
#endif

const Kernels* choose() {
  const char* asked = std::getenv("ATHANOR_ISA");
  if (asked != nullptr && *asked != 0) {
    if (const Kernels* table = kernels_for(asked)) return table;
    std::string available;
    for (const Choice& choice : choices) {
      if (!choice.supported()) continue;
      available += (available.empty() ? "" : ", ") + std::string(choice.table->isa);
    }
    throw Error(ErrorCode::argument,
                "ATHANOR_ISA: must be one of " + available + " on this machine, got " + asked);
  }
  for (const Choice& choice : choices) {
    if (choice.supported()) return choice.table;
  }
  throw Error(ErrorCode::internal, "kernels: no instruction set");
}

}  // namespace

const Kernels* kernels_for(const char* isa) {
  for (const Choice& choice : choices) {
    if (std::strcmp(choice.table->isa, isa) == 0 && choice.supported()) return choice.table;
  }
  return nullptr;
}

const Kernels& kernels() {
  static const Kernels* table = choose();
  return *table;
}

}  // namespace athanor
