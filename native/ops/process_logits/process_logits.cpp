// The op `process_logits`: arguments logits, logSoftmax (1: first, 2: last, 3: both), history and
// historyLengths (or 0), repetitionPenalty, noRepeatNgramSize, ids and offsets of bad words, of banned and of
// allowed tokens (or 0), forced, suppressed (or 0), temperature, topK, topP, minP, typicalP, minTokensToKeep.
// Changes logits (N, V), f32, in place. No result.
#include "ops/process_logits/process_logits.h"

#include <cmath>
#include <sstream>

#include "ops/offsets.h"

namespace athanor {

namespace {

constexpr const char* name = "process_logits";

// Indices that must lie in a range, and whether that is known already.
struct Tokens {
  View view;
  const int32_t* host = nullptr;
  const char* label = "";
  int64_t least = 0, most = 0;

  bool given() const { return view.defined(); }
  Indices indices() const { return view.indices(host); }

  void check(const int32_t* values, ErrorCode code) const {
    for (int64_t i = 0; i < view.count(); i++) {
      if (values[i] >= least && values[i] <= most) continue;
      throw Error(code, std::string(name) + ": " + label + " must be " + std::to_string(least) + " to " +
                            std::to_string(most) + ", got " + std::to_string(values[i]));
    }
  }
  template <class Device>
  void check_in_command(Device device) const {
    if (!given() || host) return;
    const HostIndices downloaded(device, indices(), view.count());
    check(downloaded.data(), ErrorCode::data);
  }
};

struct Lists {
  Tokens ids;
  View offsets;
  const int32_t* host_offsets = nullptr;
  const char* label = "";

  TokenLists arguments() const {
    if (!ids.given()) return {};
    return {ids.indices(), offsets.indices(host_offsets), offsets.count() - 1, ids.view.count()};
  }
  template <class Device>
  void check_in_command(Device device) const {
    ids.check_in_command(device);
    if (!ids.given() || host_offsets) return;
    check_offsets(device, offsets.indices(host_offsets), offsets.count() - 1, ids.view.count(), name, label);
  }
};

struct Operands {
  View logits, history;
  const int32_t* host_history = nullptr;
  Tokens lengths, forced, suppressed;
  Lists bad_words, banned, allowed;
  LogitsSettings settings{};

  template <class Device>
  void check(Device device) const {
    for (const Tokens* t : {&lengths, &forced, &suppressed}) t->check_in_command(device);
    for (const Lists* l : {&bad_words, &banned, &allowed}) l->check_in_command(device);
  }

  ProcessLogits arguments() const {
    ProcessLogits a{};
    static_cast<LogitsSettings&>(a) = settings;
    a.logits = logits.data<float>(), a.stride = logits.row_stride;
    a.history = history.indices(host_history);
    if (lengths.given()) a.history_lengths = lengths.indices();
    a.bad_words = bad_words.arguments();
    a.banned = banned.arguments();
    a.allowed = allowed.arguments();
    if (forced.given()) a.forced = forced.indices();
    if (suppressed.given()) a.suppressed = suppressed.indices();
    a.suppressed_count = suppressed.given() ? suppressed.view.count() : 0;
    return a;
  }
};

class Reader {
 public:
  Reader(Call& c, const TensorRef& logits) : c_(c), rows_(logits->shape()[0]), width_(logits->shape()[1]) {}

  // A vector of any length, or of `count`.
  Tokens tokens(int position, const char* label, int64_t least, int64_t most, int64_t count = -1) {
    Tokens t{};
    TensorRef tensor = c_.optional(position, label);
    if (!tensor) return t;
    c_.check_dtype(tensor, label, DType::i32);
    c_.check_rank(tensor, label, 1, 1);
    if (count >= 0) c_.check_shape(tensor, label, Shape{count});
    t.view = tensor->view, t.host = t.view.host<int32_t>();
    t.label = label, t.least = least, t.most = most;
    if (t.host) t.check(t.host, ErrorCode::argument);
    return t;
  }

  Lists lists(int position, const char* ids, const char* offsets, bool one_a_row) {
    Lists l{};
    TensorRef tensor = c_.optional(position + 1, offsets);
    l.ids = tokens(position, ids, 0, width_ - 1);
    if (l.ids.given() != (tensor != nullptr)) {
      c_.fail(ErrorCode::argument, std::string(ids) + " and " + offsets + " must be given together");
    }
    if (!tensor) return l;
    const int64_t count = check_offsets_tensor(c_, tensor, l.ids.view.count(), offsets);
    if (one_a_row && count != rows_) c_.check_shape(tensor, offsets, Shape{rows_ + 1});
    l.offsets = tensor->view, l.host_offsets = l.offsets.host<int32_t>(), l.label = offsets;
    return l;
  }

  void history(Operands& o) {
    TensorRef history = c_.optional(2, "history");
    if (!history) {
      if (c_.optional(3, "historyLengths"))
        c_.fail(ErrorCode::argument, "historyLengths must come with history");
      if (o.settings.penalty != 1.0f || o.settings.ngram > 0) {
        c_.fail(ErrorCode::argument, "history must be given for repetitionPenalty and noRepeatNgramSize");
      }
      return;
    }
    c_.check_dtype(history, "history", DType::i32);
    c_.check_rank(history, "history", 2, 2);
    o.settings.columns = history->shape()[1];
    c_.check_shape(history, "history", {rows_, o.settings.columns});
    o.history = c_.rows_of(history), o.host_history = o.history.host<int32_t>();
    o.lengths = tokens(3, "historyLengths", 0, o.settings.columns, rows_);
    if (!o.lengths.given()) c_.fail(ErrorCode::argument, "historyLengths must come with history");
  }

  // Numbers for which `holds`.
  template <class Holds>
  double number(int position, const char* label, const char* needed, const Holds& holds) {
    const double value = c_.number(position, label);
    if (holds(value)) return value;
    std::ostringstream text;  // std::to_string makes 0.000000 of what is small
    text << label << " must be " << needed << ", got " << value;
    c_.fail(ErrorCode::argument, text.str());
  }

  void settings(LogitsSettings& s) {
    constexpr int64_t most = int64_t{1} << 31;
    const auto divisor = [](double v) {
      const float x = static_cast<float>(v);  // what it is used as
      return x > 0.0f && std::isfinite(x);
    };
    constexpr const char* needed_of_divisor = "above 0 and finite in float32";
    const auto share = [](double v) { return v >= 0 && v <= 1; };
    const auto positive_share = [](double v) { return v > 0 && v <= 1; };
    s.rows = rows_, s.width = width_;
    const int64_t when = c_.integer(1, "logSoftmax", 0, 3);
    s.log_softmax_first = (when & 1) != 0, s.log_softmax_last = (when & 2) != 0;
    s.penalty = static_cast<float>(number(4, "repetitionPenalty", needed_of_divisor, divisor));
    s.ngram = c_.integer(5, "noRepeatNgramSize", 0, most);
    s.temperature = static_cast<float>(number(14, "temperature", needed_of_divisor, divisor));
    s.top_k = c_.integer(15, "topK", 0, most);
    s.top_p = number(16, "topP", "0 to 1", share);
    s.min_p = number(17, "minP", "0 to 1", share);
    s.typical_p = number(18, "typicalP", "above 0, at most 1", positive_share);
    s.keep = c_.integer(19, "minTokensToKeep", 1, most);
  }

 private:
  Call& c_;
  const int64_t rows_, width_;
};

void call(Call& c) {
  TensorRef logits = c.tensor(0, "logits");
  c.check_dtype(logits, "logits", DType::f32);
  c.check_rank(logits, "logits", 2, 2);
  if (c.recording({logits})) {
    c.fail(ErrorCode::argument,
           "logits must not require a gradient, which a change in place does not pass "
           "on, unless inside noGrad");
  }
  Operands read;
  read.logits = logits->view;
  Reader reader(c, logits);
  const int64_t rows = logits->shape()[0], last = logits->shape()[1] - 1;
  reader.settings(read.settings);
  reader.history(read);
  read.bad_words = reader.lists(6, "badWords.ids", "badWords.offsets", false);
  read.banned = reader.lists(8, "banned.ids", "banned.offsets", true);
  read.allowed = reader.lists(10, "allowed.ids", "allowed.offsets", true);
  read.forced = reader.tokens(12, "forced", -1, last, rows);
  read.suppressed = reader.tokens(13, "suppressed", 0, last);
  const Operands o = read;
  std::vector<View> inputs{o.history, o.lengths.view, o.forced.view, o.suppressed.view};
  for (const Lists* l : {&o.bad_words, &o.banned, &o.allowed}) {
    inputs.push_back(l->ids.view);
    inputs.push_back(l->offsets);
  }
  c.run(
      inputs, {o.logits},
      [=](Execution& e) {
        on_device(e, [&](auto device) {
          o.check(device);
          process_logits(device, o.arguments());
        });
      },
      CommandKind::accumulate);
}

}  // namespace

extern const Op op_process_logits{"process_logits", call, "it changes logits in place"};

}  // namespace athanor
