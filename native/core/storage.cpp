#include "core/storage.h"

#include "core/environment.h"

namespace athanor {

Storage::~Storage() {
  if (!data) return;
  device.allocator().free(data, bytes);
  home->environment->live_bytes.fetch_sub(static_cast<int64_t>(bytes));
}

void Storage::ensure() {
  if (data) return;
  data = device.allocator().allocate(bytes);
  home->environment->live_bytes.fetch_add(static_cast<int64_t>(bytes));
}

}  // namespace athanor
