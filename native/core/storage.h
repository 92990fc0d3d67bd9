// A block of device memory with its place in the order of commands. Allocated by the executor when the first
// command that writes it runs (or at once, where the data is already there), freed with the last reference.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/device.h"
#include "core/queue.h"

namespace athanor {

// The contents of a storage in a layout that an op made for its own use: packed weights.
class OtherLayout {
 public:
  virtual ~OtherLayout() = default;
  virtual size_t bytes() const = 0;             // of device memory
  virtual void restore(void* plain) const = 0;  // writes the plain contents
};

class Storage {
 public:
  Storage(Device& device, size_t bytes, QueueRef home)
      : device(device), bytes(bytes), home(std::move(home)) {}
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Executor: allocates if that has not happened, and puts what was staged on its way to a GPU.
  void ensure();
  // Host memory for the contents of a storage that nobody uses yet: on the CPU the memory itself. What is
  // written there before the first command runs is what the storage holds.
  void* stage();
  // What was staged, where it stays on the host; null otherwise.
  const void* staged_contents() const;

  Device& device;
  const size_t bytes;
  void* data = nullptr;  // on the device

  // JavaScript thread only.
  const QueueRef home;             // where it was made: reads from there need no record
  uint32_t version = 0;            // counts in-place changes
  Stamp last_write;                // the newest command that writes it
  std::vector<Stamp> other_reads;  // the newest reader of each queue but home
  bool on_host = false;            // contents were staged, and are known to the host while version is 0
  bool staged = false;             // of on_host: a command counts its bytes, or has

  // Executor only. The other layout holds the same contents as `data`, or all there is where data is null:
  // ensure() then restores it. Whoever writes calls changing() first.
  FailureRef failure;
  bool uploaded = false;  // to a GPU, on the stream of `home`
  std::unique_ptr<OtherLayout> other_layout;
  uint32_t other_uses = 0;    // uses since the contents changed that would have liked the other layout
  bool plain_needed = false;  // the plain contents were given up once and then needed: kept from then on
  void set_other_layout(std::unique_ptr<OtherLayout> layout);  // frees `data` unless that may be needed
  void changing();
  // What the contents can be made from again, set by the command that wrote them. give_up() then frees them,
  // once, until somebody needs them: what a gradient function wants of the forward pass is not in use for
  // long.
  std::unique_ptr<OtherLayout> recipe;
  void give_up();

 private:
  Memory& staging_memory() const;
  void release_staged();
  void leave_other_streams();
  void free_plain();
  void count(int64_t more);

  void* host_ = nullptr;  // of a GPU's storage: what was staged
};

}  // namespace athanor
