// Contents on their way between the host and a device, from inside a running command.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/tensor.h"

namespace athanor {

// Gives `use` the rows of a view on the host, `stride` bytes apart: at once on the CPU; from a GPU when they
// have arrived, on another thread, and the command is not finished before that.
void read_rows(Execution& execution, const View& view,
               const std::function<void(const void* rows, size_t stride)>& use);

// Overwrites a contiguous view. `source` may be changed when the call returns.
void write_rows(Execution& execution, const View& view, const void* source);

// Blocks a thread until a command is finished, or was dropped because its environment ended.
class Latch {
 public:
  // Held by the command's `finished`: opens the latch at the latest when the last copy is destroyed.
  class Opener {
   public:
    explicit Opener(std::shared_ptr<Latch> latch);
    void open(const FailureRef& failure) const;

   private:
    std::shared_ptr<Latch> guard_;  // opens the latch when it is destroyed
    Latch* latch_;
  };

  FailureRef wait();

 private:
  void open(const FailureRef& failure);

  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  FailureRef failure_;
};

}  // namespace athanor
