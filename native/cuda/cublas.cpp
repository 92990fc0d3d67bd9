#include "cuda/cublas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"

namespace athanor {

namespace {

std::vector<std::string> names() {
  const char* named = std::getenv("CUBLAS_LIBRARY");
  if (named != nullptr && *named != '\0') return {named};
  return {"libcublas.so.13", "libcublas.so.12"};
}

void* open_library(std::string& found) {
  std::string reasons;
  for (const std::string& name : names()) {
    if (void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      found = name;
      return library;
    }
    const char* reason = dlerror();
    reasons += (reasons.empty() ? "" : "; ") + std::string(reason != nullptr ? reason : name.c_str());
  }
  throw Error(ErrorCode::cuda,
              "cublas: the library could not be opened (" + reasons + "); CUBLAS_LIBRARY may name its file");
}

template <class F>
void find(void* library, const std::string& file, const char* name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  if (function == nullptr) throw Error(ErrorCode::cuda, "cublas: " + file + " has no function " + name);
}

const CublasFunctions* load() {
  std::string file;
  void* library = open_library(file);
  CublasFunctions f{};
  find(library, file, "cublasCreate_v2", f.create);
  find(library, file, "cublasDestroy_v2", f.destroy);
  find(library, file, "cublasSetStream_v2", f.set_stream);
  find(library, file, "cublasGetVersion_v2", f.get_version);
  find(library, file, "cublasGemmEx", f.gemm);
  find(library, file, "cublasGemmStridedBatchedEx", f.gemm_strided_batched);
  return new CublasFunctions(f);
}

struct Handles {
  std::mutex mutex;
  std::map<std::pair<const CublasFunctions*, int>, CublasFunctions::Handle> made;
};

}  // namespace

const CublasFunctions& cublas() {
  static const CublasFunctions* const loaded = load();  // tried again after a failure
  return *loaded;
}

CublasFunctions::Handle cublas_handle(const CublasFunctions& functions, int device) {
  static Handles* const handles = new Handles();
  std::lock_guard<std::mutex> lock(handles->mutex);
  CublasFunctions::Handle& handle = handles->made[{&functions, device}];
  if (handle == nullptr) check_cublas(functions.create(&handle), "cublasCreate");
  return handle;
}

void check_cublas(CublasFunctions::Status status, const char* call) {
  if (status == 0) return;
  throw Error(ErrorCode::cuda, std::string(call) + " failed with status " + std::to_string(status));
}

}  // namespace athanor
