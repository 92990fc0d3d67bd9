// The op fixtures (tests/fixtures/ops) through the table, so that sanitizers see every kernel at work. The
// tests in tests/ops compare the same numbers; the bound is theirs: four times what float32 costs PyTorch, at
// least 2e-6.
#include "check/check.h"
#include "check/safetensors.h"

namespace athanor {

namespace {

struct Case {
  const Json& json;
  std::string name;
  const std::map<std::string, FixtureTensor>& file;

  bool has(const std::string& tensor) const { return file.count(name + "." + tensor) > 0; }
  const FixtureTensor& at(const std::string& tensor) const { return file.at(name + "." + tensor); }
  double tolerance() const {
    double error = json.has("float32_error") ? json["float32_error"].number : 0;
    return error * 4 > 2e-6 ? error * 4 : 2e-6;
  }
};

class Fixtures {
 public:
  Fixtures(Checks& checks, std::string folder) : checks_(checks), folder_(std::move(folder)) {}

  void run(const char* kernel, void (Fixtures::*check)(const Case&)) {
    Json json = parse_json(read_text_file(folder_ + "/" + kernel + ".json"));
    std::map<std::string, FixtureTensor> file = read_safetensors(folder_ + "/" + kernel + ".safetensors");
    for (const Json& one : json["cases"].list) {
      label_ = std::string(kernel) + " " + one["case"].text;
      try {
        (this->*check)({one, one["case"].text, file});
      } catch (const Error& error) {
        checks_.expect(false, label_ + ": " + error.what());
      }
    }
  }

  void linear(const Case& c) {
    TensorRef x = leaf(c, "x"), weight = leaf(c, "weight"), bias = c.has("bias") ? leaf(c, "bias") : nullptr;
    // The fixtures' names in the order of core/function.h.
    static const char* const names[] = {"none",       "relu", "gelu_erf", "gelu_tanh",
                                        "gelu_quick", "silu", "tanh",     "sigmoid"};
    double activation = -1;
    for (int i = 0; i < 8; i++) {
      if (c.json["activation"].text == names[i]) activation = i;
    }
    TensorRef y = host_.op("linear", {x, weight, bias, activation, 0.0});
    finish(c, y, "output", {{"x", x}, {"weight", weight}, {"bias", bias}});
  }

  void layer_norm(const Case& c) {
    TensorRef x = leaf(c, "x"), weight = leaf(c, "weight"), bias = leaf(c, "bias");
    TensorRef y = host_.op(
        "layer_norm", {x, TensorRef(), weight, bias, c.json["eps"].number, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0});
    finish(c, y, "output", {{"x", x}, {"weight", weight}, {"bias", bias}});
  }

  void rms_norm(const Case& c) {
    TensorRef x = leaf(c, "x"), weight = leaf(c, "weight");
    TensorRef y = host_.op("rms_norm", {x, TensorRef(), weight, TensorRef(), c.json["eps"].number, 0.0, 0.0,
                                        0.0, 0.0, 0.0, 0.0});
    finish(c, y, "output", {{"x", x}, {"weight", weight}});
  }

  // The logits as x times the unit matrix.
  void linear_cross_entropy(const Case& c) {
    TensorRef x = leaf(c, "logits");
    const FixtureTensor& labels = c.at("labels");
    const int64_t classes = x->view.width();
    std::vector<float> unit(static_cast<size_t>(classes * classes));
    for (int64_t i = 0; i < classes; i++) unit[static_cast<size_t>(i * (classes + 1))] = 1.0f;
    TensorRef loss = host_.op("linear_cross_entropy",
                              {x, host_.tensor(unit, {classes, classes}), TensorRef(),
                               host_.integers(labels.integers, labels.shape), c.json["ignore_index"].number,
                               c.json["label_smoothing"].number, reduction(c), 1.0});
    finish(c, loss, "loss", {{"logits", x}});
  }

  void cross_entropy(const Case& c) {
    TensorRef logits = leaf(c, "logits");
    const FixtureTensor& labels = c.at("labels");
    TensorRef loss = host_.op(
        "cross_entropy", {logits, host_.integers(labels.integers, labels.shape), TensorRef(),
                          c.json["ignore_index"].number, c.json["label_smoothing"].number, reduction(c)});
    finish(c, loss, "loss", {{"logits", logits}});
  }

  void embedding(const Case& c) {
    TensorRef weight = leaf(c, "weight");
    const FixtureTensor& ids = c.at("ids");
    const Json& padding = c.json["padding_idx"];
    double row = padding.kind == Json::Kind::number ? padding.number : -1;
    TensorRef y = host_.op("embedding", {weight, host_.integers(ids.integers, ids.shape), row});
    finish(c, y, "output", {{"weight", weight}});
  }

  // The fixtures are padded, [B, H, T, D]; here without the padded keys, (rows, H D). Causal cases with
  // padded keys need two calls and are left to tests/ops.
  void attention(const Case& c) {
    bool causal = c.json["causal"].number != 0;
    if (causal && c.has("keep")) return;
    const Shape& q = c.at("q").shape;
    const Shape& k = c.at("k").shape;
    std::vector<int64_t> queries, keys;
    std::vector<int32_t> offsets{0}, key_offsets{0};
    for (int64_t b = 0; b < q[0]; b++) {
      for (int64_t t = 0; t < q[2]; t++) queries.push_back(b * q[2] + t);
      for (int64_t t = 0; t < k[2]; t++) {
        if (!c.has("keep") || c.at("keep").integers[static_cast<size_t>(b * k[2] + t)])
          keys.push_back(b * k[2] + t);
      }
      offsets.push_back(static_cast<int32_t>(queries.size()));
      key_offsets.push_back(static_cast<int32_t>(keys.size()));
    }
    int64_t width = q[1] * q[3], rows = static_cast<int64_t>(queries.size()),
            kept = static_cast<int64_t>(keys.size());
    TensorRef qt = host_.tensor(packed(c.at("q"), queries), {rows, width}, true);
    TensorRef kt = host_.tensor(packed(c.at("k"), keys), {kept, width}, true);
    TensorRef vt = host_.tensor(packed(c.at("v"), keys), {kept, width}, true);
    TensorRef bias = c.has("bias") ? leaf(c, "bias") : nullptr;
    TensorRef o =
        host_.op("attention", {qt, kt, vt, static_cast<double>(q[1]), host_.integers(offsets, {q[0] + 1}),
                               host_.integers(key_offsets, {q[0] + 1}), causal ? 1.0 : 0.0,
                               c.json["scale"].number, bias, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0});
    compare(c, o, packed(c.at("output"), queries), "output");
    host_.backward(o, host_.tensor(packed(c.at("upstream"), queries), {rows, width}));
    compare_gradient(c, qt, packed(c.at("grad.q"), queries), "grad.q");
    compare_gradient(c, kt, packed(c.at("grad.k"), keys), "grad.k");
    compare_gradient(c, vt, packed(c.at("grad.v"), keys), "grad.v");
    if (bias) compare_gradient(c, bias, c.at("grad.bias").values, "grad.bias");
  }

  void adamw(const Case& c) {
    std::vector<TensorRef> parameters, m, v;
    for (int i = 0; c.has("param" + std::to_string(i)); i++) {
      parameters.push_back(leaf(c, "param" + std::to_string(i)));
      m.push_back(host_.filled(0, parameters.back()->view.shape));
      v.push_back(host_.filled(0, parameters.back()->view.shape));
    }
    double max_norm = c.json.has("max_norm") ? c.json["max_norm"].number : 0;
    const std::vector<Json>& betas = c.json["betas"].list;
    for (int step = 1; step <= 5; step++) {
      std::vector<Argument> arguments{betas[0].number,
                                      betas[1].number,
                                      c.json["eps"].number,
                                      1.0 * step,
                                      max_norm,
                                      0.0,
                                      static_cast<double>(parameters.size())};
      std::string at = "step" + std::to_string(step) + ".";
      for (size_t i = 0; i < parameters.size(); i++) {
        const FixtureTensor& gradient = c.at(at + "grad" + std::to_string(i));
        set_gradient(*host_.environment, parameters[i], host_.tensor(gradient.values, gradient.shape));
        arguments.insert(arguments.end(), {parameters[i], m[i], v[i], TensorRef(), c.json["lr"].number,
                                           c.json["weight_decay"].number});
      }
      host_.ops("adamw", arguments);
      for (size_t i = 0; i < parameters.size(); i++) {
        std::string number = std::to_string(i);
        compare(c, parameters[i], c.at(at + "param" + number).values, (at + "param" + number).c_str());
        compare(c, m[i], c.at(at + "m" + number).values, (at + "m" + number).c_str());
        compare(c, v[i], c.at(at + "v" + number).values, (at + "v" + number).c_str());
      }
    }
  }

  // Padded to [B, L, K]; here the rows of each sequence alone.
  void crf(const Case& c) {
    const std::vector<int32_t>& lengths = c.at("lengths").integers;
    const int64_t tags = c.at("start").shape[0];
    const TensorRef offsets = offsets_of(lengths);
    const std::vector<float> rows = ragged(c.at("emissions"), lengths);
    const std::vector<int32_t> labels = ragged(c.at("tags").integers, c.at("tags").shape, lengths);
    const int64_t count = static_cast<int64_t>(labels.size());
    TensorRef emissions = host_.tensor(rows, {count, tags}, true), transitions = leaf(c, "transitions"),
              start = leaf(c, "start"), end = leaf(c, "end");
    TensorRef loss = host_.op(
        "crf_nll", {emissions, offsets, host_.integers(labels, {count}), transitions, start, end, 1.0});
    compare(c, loss, c.at("loss").values, "loss");
    TensorRef path = host_.ops("crf_decode", {emissions, offsets, transitions, start, end})[1];
    compare(c, path, c.at("best_score").values, "best_score");
    host_.backward(loss, host_.tensor(c.at("upstream").values, {}));
    compare_gradient(c, emissions, ragged(c.at("grad.emissions"), lengths), "grad.emissions");
    compare_gradient(c, start, c.at("grad.start").values, "grad.start");
    compare_gradient(c, end, c.at("grad.end").values, "grad.end");
    if (!c.has("grad.transitions")) return;  // all sequences have one row
    compare_gradient(c, transitions, c.at("grad.transitions").values, "grad.transitions");
  }

  // All layers and directions, a call each; the loss is what the upstream gradients make of the outputs.
  void lstm(const Case& c) {
    const std::vector<int32_t>& lengths = c.at("lengths").integers;
    const TensorRef offsets = offsets_of(lengths);
    const std::vector<float> rows = ragged(c.at("x"), lengths);
    const int64_t inputs = c.at("x").shape[2];
    const TensorRef x = host_.tensor(rows, {static_cast<int64_t>(rows.size()) / inputs, inputs}, true);
    std::vector<Named> leaves;
    std::vector<TensorRef> states;
    TensorRef input = x, loss;
    const auto add_loss = [&](const TensorRef& t, const std::vector<float>& upstream) {
      TensorRef part = host_.multiply(t, host_.tensor(upstream, t->shape()));
      part = host_.op("sum", {part, -1.0, 0.0});
      loss = loss ? host_.add(loss, part) : part;
    };
    for (int layer = 0; layer < c.json["layers"].number; layer++) {
      std::vector<Argument> outputs{1.0};
      for (int reverse = 0; reverse <= c.json["bidirectional"].number; reverse++) {
        const std::string suffix = "_l" + std::to_string(layer) + (reverse ? "_reverse" : "");
        TensorRef parts[4];
        int part = 0;
        for (const char* name : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
          parts[part] = leaf(c, name + suffix);
          leaves.push_back({name + suffix, parts[part++]});
        }
        TensorRef projected = host_.op("linear", {input, parts[0], host_.add(parts[2], parts[3]), 0.0, 0.0});
        std::vector<TensorRef> results = host_.ops(
            "lstm", {projected, offsets, parts[1], TensorRef(), TensorRef(), static_cast<double>(reverse)});
        outputs.push_back(results[0]);
        const size_t at = states.size() / 2, size = static_cast<size_t>(results[1]->view.count());
        for (const char* name : {"upstream.h_n", "upstream.c_n"}) {
          const float* from = c.at(name).values.data() + at * size;
          states.push_back(results[states.size() % 2 + 1]);
          add_loss(states.back(), std::vector<float>(from, from + size));
        }
      }
      input = outputs.size() > 2 ? host_.op("concat", outputs) : outputs[1].tensor;
    }
    compare(c, input, ragged(c.at("output"), lengths), "output");
    std::vector<float> last[2];
    for (size_t i = 0; i < states.size(); i++) {
      const std::vector<float> values = host_.read(states[i]);
      last[i % 2].insert(last[i % 2].end(), values.begin(), values.end());
    }
    checks_.expect_close(last[0], c.at("h_n").values, c.tolerance(), label_ + " h_n");
    checks_.expect_close(last[1], c.at("c_n").values, c.tolerance(), label_ + " c_n");
    add_loss(input, ragged(c.at("upstream.output"), lengths));
    host_.backward(loss);
    compare_gradient(c, x, ragged(c.at("grad.x"), lengths), "grad.x");
    for (const Named& one : leaves)
      compare_gradient(c, one.tensor, c.at("grad." + one.name).values, one.name);
  }

 private:
  struct Named {
    std::string name;
    TensorRef tensor;
  };

  static double reduction(const Case& c) {
    const std::string& name = c.json["reduction"].text;
    return name == "mean" ? 0 : name == "sum" ? 1 : 2;
  }

  TensorRef leaf(const Case& c, const std::string& name) {
    return host_.tensor(c.at(name).values, c.at(name).shape, true);
  }

  TensorRef offsets_of(const std::vector<int32_t>& lengths) {
    std::vector<int32_t> offsets{0};
    for (int32_t length : lengths) offsets.push_back(offsets.back() + length);
    return host_.integers(offsets, {static_cast<int64_t>(offsets.size())});
  }

  // [B, L, ...] -> the first lengths[b] rows of each sequence, one after another
  template <class T>
  static std::vector<T> ragged(const std::vector<T>& padded, const Shape& shape,
                               const std::vector<int32_t>& lengths) {
    const size_t each = padded.size() / static_cast<size_t>(shape[0]);
    const size_t width = each / static_cast<size_t>(shape[1]);
    std::vector<T> rows;
    for (size_t b = 0; b < lengths.size(); b++) {
      const T* first = padded.data() + b * each;
      rows.insert(rows.end(), first, first + static_cast<size_t>(lengths[b]) * width);
    }
    return rows;
  }
  static std::vector<float> ragged(const FixtureTensor& t, const std::vector<int32_t>& lengths) {
    return ragged(t.values, t.shape, lengths);
  }

  // [B, H, T, D] -> (positions, H D)
  static std::vector<float> packed(const FixtureTensor& t, const std::vector<int64_t>& positions) {
    const Shape& s = t.shape;
    std::vector<float> rows;
    for (int64_t position : positions) {
      int64_t b = position / s[2], time = position % s[2];
      for (int64_t h = 0; h < s[1]; h++) {
        for (int64_t d = 0; d < s[3]; d++) {
          rows.push_back(t.values[static_cast<size_t>(((b * s[1] + h) * s[2] + time) * s[3] + d)]);
        }
      }
    }
    return rows;
  }

  void compare(const Case& c, const TensorRef& actual, const std::vector<float>& expected, const char* name) {
    checks_.expect_close(host_.read(actual), expected, c.tolerance(), label_ + " " + name);
  }
  void compare_gradient(const Case& c, const TensorRef& leaf, const std::vector<float>& expected,
                        const std::string& name) {
    checks_.expect_close(host_.gradient(leaf), expected, c.tolerance(), label_ + " " + name);
  }

  void finish(const Case& c, const TensorRef& output, const char* name, const std::vector<Named>& leaves) {
    compare(c, output, c.at(name).values, name);
    const FixtureTensor& upstream = c.at("upstream");
    host_.backward(output, host_.tensor(upstream.values, upstream.shape));
    for (const Named& one : leaves) {
      if (!one.tensor) continue;
      std::string gradient = std::string("grad.") + one.name;
      compare_gradient(c, one.tensor, c.at(gradient).values, gradient);
    }
  }

  Checks& checks_;
  const std::string folder_;
  std::string label_;
  Host host_;
};

}  // namespace

void check_fixtures(Checks& checks, const std::string& folder) {
  Fixtures fixtures(checks, folder);
  fixtures.run("linear", &Fixtures::linear);
  fixtures.run("layernorm", &Fixtures::layer_norm);
  fixtures.run("rmsnorm", &Fixtures::rms_norm);
  fixtures.run("cross_entropy", &Fixtures::cross_entropy);
  fixtures.run("cross_entropy", &Fixtures::linear_cross_entropy);
  fixtures.run("embedding", &Fixtures::embedding);
  fixtures.run("attention", &Fixtures::attention);
  fixtures.run("adamw", &Fixtures::adamw);
  fixtures.run("crf", &Fixtures::crf);
  fixtures.run("lstm", &Fixtures::lstm);
}

}  // namespace athanor
