// The few things that differ between operating systems and processors.
#pragma once

#include <cstddef>

namespace athanor {

void lower_thread_priority();        // of the calling thread: training must not disturb the event loop
void name_thread(const char* name);  // for debuggers; at most 15 characters
size_t system_memory();              // bytes installed, or the container's limit
void pin_library();                  // keeps this library loaded until the process ends

inline void cpu_relax() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace athanor
