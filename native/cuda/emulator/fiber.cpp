// Compiled without the thread sanitizer's instrumentation (EMULATOR_THREAD_SANITIZER says that the rest has
// it).
#include "cuda/emulator/fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(EMULATOR_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

// void emulated_switch_stack(void** save, void* load): pushes the callee-saved registers, keeps the stack
// pointer in *save, takes `load` as the new one, pops that fiber's registers and returns to where it called
// from.
#if defined(__x86_64__)
asm(R"(
.text
.globl emulated_switch_stack
.hidden emulated_switch_stack
.type emulated_switch_stack, @function
emulated_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulated_switch_stack, .-emulated_switch_stack
)");
#elif defined(__aarch64__)
// From the procedure call standard; run in an emulator of the processor (qemu), not yet on one.
asm(R"(
.text
.globl emulated_switch_stack
.hidden emulated_switch_stack
emulated_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");
#else
#error "the emulator needs a stack switch for this processor"
#endif

extern "C" void emulated_switch_stack(void** save, void* load);

namespace emulated {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(EMULATOR_THREAD_SANITIZER)
constexpr size_t stack_bytes = 256 * 1024;  // instrumented frames are several times larger
#else
constexpr size_t stack_bytes = 64 * 1024;
#endif

}  // namespace

bool make_stack(Fiber& fiber) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory =
      mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  mprotect(memory, page, PROT_NONE);
  fiber.stack = static_cast<char*>(memory) + page;
  fiber.size = stack_bytes;
  return true;
}

void prepare(Fiber& fiber, void (*entry)()) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(fiber.stack, fiber.size);
  fiber.fake_stack = nullptr;
#elif defined(EMULATOR_THREAD_SANITIZER)
  if (fiber.thread) __tsan_destroy_fiber(fiber.thread);  // knows the calls that were abandoned
  fiber.thread = __tsan_create_fiber(0);
#endif
  uint64_t* top = reinterpret_cast<uint64_t*>(fiber.stack + fiber.size);
#if defined(__x86_64__)
  top[-1] = 0;  // where entry would return to
  top[-2] = reinterpret_cast<uint64_t>(entry);
  for (int i = 3; i <= 8; i++) top[-i] = 0;
  fiber.stack_pointer = top - 8;
#else
  for (int i = 1; i <= 20; i++) top[-i] = 0;
  top[-20 + 11] = reinterpret_cast<uint64_t>(entry);  // x30
  fiber.stack_pointer = top - 20;
#endif
}

void describe_thread(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    void* stack;
    pthread_attr_getstack(&attributes, &stack, &fiber.size);
    fiber.stack = static_cast<char*>(stack);
    pthread_attr_destroy(&attributes);
  }
#elif defined(EMULATOR_THREAD_SANITIZER)
  fiber.thread = __tsan_get_current_fiber();
#else
  (void)fiber;
#endif
}

void fiber_began() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

void switch_to(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.size);
#endif
#if defined(EMULATOR_THREAD_SANITIZER)
  // Without the flag every switch would order all that came before it, and no race could be seen.
  __tsan_switch_to_fiber(to.thread, __tsan_switch_to_fiber_no_sync);
#endif
  emulated_switch_stack(&from.stack_pointer, to.stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

#if defined(EMULATOR_THREAD_SANITIZER)
void release(void* key) {
  __tsan_release(key);
}
void acquire(void* key) {
  __tsan_acquire(key);
}
void release_for(Fiber& fiber, Fiber& host, void* key) {
  __tsan_switch_to_fiber(fiber.thread, __tsan_switch_to_fiber_no_sync);
  __tsan_release(key);
  __tsan_switch_to_fiber(host.thread, __tsan_switch_to_fiber_no_sync);
}
#else
void release(void*) {}
void acquire(void*) {}
void release_for(Fiber&, Fiber&, void*) {}
#endif

}  // namespace emulated
