#include "core/storage.h"

#include "core/environment.h"

namespace athanor {

Storage::~Storage() {
  count(-static_cast<int64_t>(other_layout ? other_layout->bytes() : 0));
  free_plain();
}

void Storage::ensure() {
  if (data) return;
  data = device.allocator().allocate(bytes);
  count(static_cast<int64_t>(bytes));
  if (recipe) {
    recipe->restore(data);
    recipe = nullptr;
  }
  if (!other_layout) return;
  other_layout->restore(data);
  plain_needed = true;
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
  device.allocator().free(data, bytes);
  data = nullptr;
  count(-static_cast<int64_t>(bytes));
}

void Storage::count(int64_t more) {
  home->environment->live_bytes.fetch_add(more);
}

}  // namespace athanor
