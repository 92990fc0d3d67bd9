// The sentence about a failed launch: who waits where, for whom.
#include <cstdio>

#include "cuda/emulator/block.h"

namespace emulated {
namespace {

constexpr size_t most_characters = 768;
char sentence[most_characters];

const char* file_name(const char* path) {
  const char* name = path;
  for (const char* c = path; *c; c++) {
    if (*c == '/') name = c + 1;
  }
  return name;
}

void add_thread(const Lane& lane) {
  add_failure("; block (%u, %u, %u), thread (%u, %u, %u)", blockIdx.x, blockIdx.y, blockIdx.z, lane.index.x,
              lane.index.y, lane.index.z);
}

void add_whereabouts(const Lane& lane) {
  add_failure("thread (%u, %u, %u) ", lane.index.x, lane.index.y, lane.index.z);
  if (lane.state == State::ended) return add_failure("has ended");
  const char* where = lane.state == State::in_block      ? "in a block barrier"
                      : lane.state == State::in_mbarrier ? "for an mbarrier"
                                                         : "in a warp operation";
  add_failure("waits %s at %s:%d", where, file_name(lane.place.file), lane.place.line);
}

// A lane of the mask that does not wait for this mask, or null.
const Lane* missing_lane(const Lane& waiting) {
  for (unsigned rest = waiting.mask; rest; rest &= rest - 1) {
    const Lane* other = block.lanes[waiting.warp * 32 + __builtin_ctz(rest)];
    if (other->state != State::in_warp || other->mask != waiting.mask) return other;
  }
  return nullptr;
}

}  // namespace

const char* failure() {
  return sentence;
}

void set_failure(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  sentence[0] = 0;
  add_failure(format, arguments);
  va_end(arguments);
}

void add_failure(const char* format, va_list arguments) {
  const size_t used = __builtin_strlen(sentence);
  vsnprintf(sentence + used, most_characters - used, format, arguments);
}

void add_failure(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_failure(format, arguments);
  va_end(arguments);
}

void fail(Place place, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  set_failure("%s:%d: ", file_name(place.file), place.line);
  add_failure(format, arguments);
  va_end(arguments);
  add_thread(*current);
  leave_block();
}

void fail_apart(const Lane& one, const Lane& other, const char* what) {
  set_failure("%s:%d: %s: ", file_name(one.place.file), one.place.line, what);
  add_whereabouts(other);
  if (one.state == State::in_warp) add_failure(" with mask %08x, this one %08x", other.mask, one.mask);
  add_thread(one);
  leave_block();
}

void fail_deadlock() {
  for (int t = 0; t < block.threads; t++) {
    const Lane& lane = *block.lanes[t];
    if (lane.state != State::in_warp) continue;
    const Lane* missing = missing_lane(lane);
    if (!missing) continue;
    set_failure("%s:%d: a warp operation with mask %08x lacks a lane: ", file_name(lane.place.file),
                lane.place.line, lane.mask);
    add_whereabouts(*missing);
    add_thread(lane);
    leave_block();
  }
  for (int t = 0; t < block.threads; t++) {
    const Lane& lane = *block.lanes[t];
    if (lane.state != State::in_mbarrier) continue;
    const MissingArrivals missing = missing_arrivals(lane.waits_for);
    set_failure("%s:%d: the phase of an mbarrier does not end: it lacks %d arrivals and %lld bytes",
                file_name(lane.place.file), lane.place.line, missing.arrivals,
                static_cast<long long>(missing.bytes));
    add_thread(lane);
    leave_block();
  }
  const Lane *waiting = nullptr, *missing = nullptr;
  for (int t = 0; t < block.threads; t++) {
    const Lane* lane = block.lanes[t];
    (lane->state == State::in_block ? waiting : missing) = lane;
  }
  if (!waiting || !missing) {
    set_failure("the block cannot go on");
    leave_block();
  }
  set_failure("%s:%d: a block barrier reached by %d of %d threads: ", file_name(waiting->place.file),
              waiting->place.line, block.at_barrier, block.threads);
  add_whereabouts(*missing);
  add_thread(*waiting);
  leave_block();
}

}  // namespace emulated
