#include "core/storage.h"

#include "core/accelerator.h"
#include "core/environment.h"

namespace athanor {

namespace {

// Staged contents up to this size stay on the host for as long as the storage lives: ids, labels and offsets
// are read there too. Larger ones are weights and images.
constexpr size_t most_kept = size_t{1} << 20;

}  // namespace

Storage::~Storage() {
  count(-static_cast<int64_t>(other_layout ? other_layout->bytes() : 0));
  free_plain();
  release_staged();
}

void Storage::ensure() {
  if (data) return;
  data = home->allocator().allocate(bytes);
  count(static_cast<int64_t>(bytes));
  if (host_) {
    home->stream().upload(data, host_, bytes);
    uploaded = true;
    if (bytes > most_kept) release_staged();
  }
  if (recipe) {
    recipe->restore(data);
    recipe = nullptr;
  }
  if (!other_layout) return;
  other_layout->restore(data);
  plain_needed = true;
}

void* Storage::stage() {
  if (!device.accelerator()) {
    ensure();
    return data;
  }
  if (!host_) host_ = staging_memory().allocate(bytes);
  return host_;
}

const void* Storage::staged_contents() const {
  if (!on_host) return nullptr;
  if (!device.accelerator()) return data;
  return bytes <= most_kept ? host_ : nullptr;
}

// Memory that the GPU reads without a detour is scarce: large contents come from plain memory.
Memory& Storage::staging_memory() const {
  return bytes <= most_kept ? device.accelerator()->host_memory() : Device::cpu().allocator();
}

void Storage::release_staged() {
  if (!host_) return;
  // From plain memory the upload has been taken when the call returns.
  if (data && bytes <= most_kept) {
    home->stream().release_host(host_, bytes);
  } else {
    staging_memory().free(host_, bytes);
  }
  host_ = nullptr;
}

void Storage::set_other_layout(std::unique_ptr<OtherLayout> layout) {
  other_layout = std::move(layout);
  count(static_cast<int64_t>(other_layout->bytes()));
  // The JavaScript thread may read what was uploaded.
  if (!plain_needed && !on_host) free_plain();
}

void Storage::give_up() {
  if (recipe && !other_layout && !on_host) free_plain();
}

void Storage::changing() {
  recipe = nullptr;
  other_uses = 0;
  if (!other_layout) return;
  ensure();
  count(-static_cast<int64_t>(other_layout->bytes()));
  other_layout = nullptr;
}

void Storage::free_plain() {
  if (!data) return;
  if (device.accelerator()) leave_other_streams();
  home->allocator().free(data, bytes);
  data = nullptr;
  count(-static_cast<int64_t>(bytes));
}

// The next owner of this memory is ordered on the home stream alone: behind those who used it elsewhere.
void Storage::leave_other_streams() {
  auto behind = [&](const QueueRef& queue) {
    if (queue && queue != home && queue->has_stream()) home->stream().wait_for(queue->stream());
  };
  for (const Stamp& read : other_reads) behind(read.queue);
  behind(last_write.queue);
}

void Storage::count(int64_t more) {
  home->environment->live_bytes.fetch_add(more);
}

}  // namespace athanor
