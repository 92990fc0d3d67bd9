// What a thread that computes needs of its processor and operating system: low priority, flushed denormals,
// and a pause for spinning. Denormals are flushed because they cost up to 100 cycles each on x86.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#elif defined(__APPLE__)
#include <pthread.h>
#elif defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace athanor {

inline void pause_cpu() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// The control word of the floating-point unit: MXCSR on x86, FPCR on arm64.
inline uint64_t float_control() {
#if defined(__x86_64__) || defined(_M_X64)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

inline void set_float_control(uint64_t value) {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_setcsr(static_cast<unsigned>(value));
#elif defined(__aarch64__)
  __asm__ __volatile__("msr fpcr, %0" : : "r"(value));
#else
  (void)value;
#endif
}

inline void set_flush_denormals() {
#if defined(__x86_64__) || defined(_M_X64)
  set_float_control(float_control() | 0x8040);  // FTZ and DAZ
#elif defined(__aarch64__)
  set_float_control(float_control() | (1u << 24));  // FZ
#endif
}

// Flushes denormals on this thread until the end of the scope.
class FlushDenormals {
 public:
  FlushDenormals() : before_(float_control()) { set_flush_denormals(); }
  ~FlushDenormals() { set_float_control(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  uint64_t before_;
};

// Nice 10 keeps Node's event loop responsive at no loss of throughput; 19 may starve beside other processes.
inline void lower_thread_priority() {
#if defined(_WIN32)
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#elif defined(__linux__)
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
#endif
}

}  // namespace athanor
