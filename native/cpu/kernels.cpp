// Chooses the instruction set: the best that was built and that the processor has, or the one that
// ATHANOR_ISA names.
#include "cpu/kernels.h"

#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

// VNNI in its 256-bit form: leaf 7, subleaf 1. g++ 12 has no name for it.
bool cpu_has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & (1u << 4)) != 0;
}

// From the best down.
const Choice choices[] = {{&avx512::table, has_avx512}, {&avx2::table, has_avx2}, {&generic::table, always}};
#elif defined(__aarch64__)
const Choice choices[] = {{&neon::table, always}, {&generic::table, always}};
#else
const Choice choices[] = {{&generic::table, always}};
#endif

#if defined(__x86_64__)
bool vnni_is_allowed() {
  const char* asked = std::getenv("ATHANOR_VNNI");
  return asked == nullptr || std::strcmp(asked, "0") != 0;
}
#endif

// Whether the processor has the dot-product instructions of a set, and they are not switched off. Asked once:
// this is called for every product, and cpuid is slow on virtual machines.
bool has_vnni(const Kernels& kernels) {
#if defined(__x86_64__)
  static const bool allowed = vnni_is_allowed();
  static const bool narrow = cpu_has_avx_vnni(), wide = __builtin_cpu_supports("avx512vnni");
  if (&kernels == &avx512::table) return allowed && wide;
  if (&kernels == &avx2::table) return allowed && narrow;
#endif
  (void)kernels;
  return false;
}

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

const Int8Tiles& int8_tiles(const Kernels& kernels) {
  return has_vnni(kernels) ? *kernels.int8_vnni : *kernels.int8;
}

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
