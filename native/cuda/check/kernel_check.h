// The harness of kernel_check: named cases that run a device function on device memory and compare the result
// with the CPU's function or a plain loop. Written against the CUDA runtime, so it runs on a GPU as in the
// emulator.
//
//   KERNEL_CHECK(layer_norm, "forward, rows of every length") {
//     std::vector<float> x = check.random.floats(rows * width, -1, 1);
//     DeviceArray<bf16> device_x(x);
//     DeviceArray<float> y(x.size());               // NaN until written
//     layer_norm_forward(check.cuda, {...device_x.data(), y.data()...});
//     check.close("y", y.floats(), wanted, {1e-5, 1e-5});
//   }
//
// A case fails when a comparison does, or when anything throws. Case names are unique within an op.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/check/device_array.h"
#include "ops/dispatch.h"

namespace athanor {

// The same values whatever the machine, the other cases and their order.
class CheckRandom {
 public:
  explicit CheckRandom(const std::string& name);

  uint64_t bits();
  float uniform(float least, float most);
  float normal();
  int32_t integer(int32_t least, int32_t most);  // both included
  std::vector<float> floats(size_t count, float least = -1, float most = 1);
  std::vector<float> normals(size_t count);
  std::vector<int32_t> integers(size_t count, int32_t least, int32_t most);

 private:
  uint64_t state_;
};

// |got - wanted| <= absolute + relative |wanted|. NaN equals NaN alone.
struct Tolerance {
  double absolute = 0, relative = 0;
};

class KernelCheck {
 public:
  KernelCheck(const std::string& name, const Cuda& cuda) : random(name), cuda(cuda), name_(name) {}

  CheckRandom random;
  Cuda cuda;  // a case may give it other properties

  void expect(bool holds, const std::string& what);
  template <class Got, class Wanted>
  void close(const std::string& what, const std::vector<Got>& got, const std::vector<Wanted>& wanted,
             Tolerance tolerance) {
    if (!same_size(what, got.size(), wanted.size())) return;
    for (size_t i = 0; i < got.size(); i++) {
      compare(what, i, as_double(got[i]), as_double(wanted[i]), tolerance);
    }
    summarise(what);
  }
  // The same values, of any type.
  template <class T>
  void same(const std::string& what, const std::vector<T>& got, const std::vector<T>& wanted) {
    close(what, got, wanted, {});
  }
  // Whether body throws an Error with this code whose message holds `mention`.
  template <class Body>
  void fails(const std::string& mention, const Body& body) {
    std::string came = "nothing was thrown";
    try {
      body();
    } catch (const std::exception& error) {
      came = error.what();
    }
    expect(came.find(mention) != std::string::npos, "needed \"" + mention + "\", got: " + came);
  }

  const std::string& name() const { return name_; }
  bool failed() const { return failed_; }

 private:
  static double as_double(bf16 value) { return to_float_on_host(value); }
  template <class T>
  static double as_double(T value) {
    return static_cast<double>(value);
  }
  bool same_size(const std::string& what, size_t got, size_t wanted);
  void compare(const std::string& what, size_t index, double got, double wanted, Tolerance tolerance);
  void summarise(const std::string& what);

  const std::string name_;
  bool failed_ = false;
  size_t wrong_ = 0;
};

struct KernelCheckCase {
  KernelCheckCase(const char* op, const char* name, void (*body)(KernelCheck&));

  const char* op;
  const char* name;
  void (*body)(KernelCheck&);
};

}  // namespace athanor

#define KERNEL_CHECK_JOIN_(a, b) a##b
#define KERNEL_CHECK_JOIN(a, b) KERNEL_CHECK_JOIN_(a, b)
#define KERNEL_CHECK(op, name)                                                                 \
  static void KERNEL_CHECK_JOIN(kernel_check_body_, __LINE__)(::athanor::KernelCheck & check); \
  static const ::athanor::KernelCheckCase KERNEL_CHECK_JOIN(kernel_check_case_, __LINE__)(     \
      #op, name, KERNEL_CHECK_JOIN(kernel_check_body_, __LINE__));                             \
  static void KERNEL_CHECK_JOIN(kernel_check_body_, __LINE__)(::athanor::KernelCheck & check)
