#include "core/system.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#endif
#if defined(__APPLE__)
#include <pthread/qos.h>
#endif
#endif

#include <cstdio>
#include <cstdlib>

namespace athanor {

namespace {

constexpr int nice_value = 10;  // 19 starves beside other busy processes

#if defined(__linux__)
size_t file_number(const char* path) {
  FILE* file = std::fopen(path, "r");
  if (!file) return 0;
  unsigned long long value = 0;
  int read = std::fscanf(file, "%llu", &value);
  std::fclose(file);
  return read == 1 ? static_cast<size_t>(value) : 0;
}
#endif

}  // namespace

void lower_thread_priority() {
#if defined(_WIN32)
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#elif defined(__linux__)
  const char* wanted = std::getenv("ATHANOR_NICE");
  int value = wanted ? std::atoi(wanted) : nice_value;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), value);
#endif
}

void name_thread(const char* name) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#else
  (void)name;
#endif
}

size_t system_memory() {
#if defined(_WIN32)
  MEMORYSTATUSEX status;
  status.dwLength = sizeof(status);
  return GlobalMemoryStatusEx(&status) ? static_cast<size_t>(status.ullTotalPhys) : 0;
#else
  size_t installed =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGE_SIZE));
#if defined(__linux__)
  size_t limit = file_number("/sys/fs/cgroup/memory.max");
  if (!limit) limit = file_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  if (limit && limit < installed) return limit;
#endif
  return installed;
#endif
}

// Node closes an addon when the last worker that loaded it ends, while the executor and the pool still run
// its code; without this the process dies.
void pin_library() {
#if defined(_WIN32)
  HMODULE module;
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCSTR>(&pin_library), &module);
#else
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pin_library), &info) && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

}  // namespace athanor
