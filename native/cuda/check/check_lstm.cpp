// lstm on CUDA against the CPU's, both directions of time and both passes. The CPU's own numbers are compared
// with PyTorch's in tests/ops/lstm.test.ts.
#include "cuda/check/kernel_check.h"
#include "cuda/check/segments.h"
#include "ops/lstm/lstm.h"

namespace athanor {
namespace {

// Which of the optional arguments a call has.
struct Given {
  bool states = true;    // h_0, c_0 and their gradients
  bool upstream = true;  // dh_n, dc_n
  bool dy = true;
  bool kept = true;        // gates and cells; without them there is no backward
  int64_t beside = 0;      // columns beside those of projected and dy
  bool parameter = false;  // the weight's gradient is f32 in any case
};

struct Problem {
  std::vector<int32_t> offsets;
  std::vector<float> projected, weight, h_0, c_0, dy, dh_n, dc_n;
  LstmSizes sizes;
  int64_t projected_stride, dy_stride;

  size_t states() const { return static_cast<size_t>(sizes.batch * sizes.hidden); }
  size_t cells() const { return static_cast<size_t>(sizes.rows * sizes.hidden); }
};

template <class T>
Problem problem_of(KernelCheck& check, const std::vector<int32_t>& lengths, int64_t hidden, bool reverse,
                   int64_t beside) {
  Problem p;
  p.offsets = offsets_of(lengths);
  p.sizes = {static_cast<int64_t>(lengths.size()), p.offsets.back(), hidden, reverse};
  p.projected_stride = 4 * hidden + beside, p.dy_stride = hidden + beside;
  const auto draw = [&](int64_t count, float scale) {
    return check.random.floats(static_cast<size_t>(count), -scale, scale);
  };
  p.projected = rounded_to<T>(draw(p.sizes.rows * p.projected_stride, 2));
  p.weight = rounded_to<T>(draw(4 * hidden * hidden, 1.0f / static_cast<float>(hidden + 1)));
  p.dy = rounded_to<T>(draw(p.sizes.rows * p.dy_stride, 1));
  // A state that begins with what bf16 holds is the same on both devices.
  p.h_0 = rounded_to<T>(draw(p.sizes.batch * hidden, 1));
  p.c_0 = draw(p.sizes.batch * hidden, 1);
  p.dh_n = draw(p.sizes.batch * hidden, 1);
  p.dc_n = draw(p.sizes.batch * hidden, 1);
  return p;
}

// Everything that both passes write.
struct Outputs {
  std::vector<float> y, h_n, c_n, gates, cells, dprojected, dh_0, dc_0, dweight;
};

Outputs on_cpu(const Problem& p, const Given& given) {
  const size_t n = p.cells(), states = p.states();
  Outputs o{std::vector<float>(n),      std::vector<float>(states), std::vector<float>(states),
            std::vector<float>(4 * n),  std::vector<float>(n),      std::vector<float>(4 * n),
            std::vector<float>(states), std::vector<float>(states), std::vector<float>(p.weight.size())};
  const float* h_0 = given.states ? p.h_0.data() : nullptr;
  const float* c_0 = given.states ? p.c_0.data() : nullptr;
  const Indices offsets{p.offsets.data(), nullptr};
  lstm_forward(Cpu{}, LstmForward<float>{p.projected.data(), p.projected_stride, offsets, p.weight.data(),
                                         h_0, c_0, o.y.data(), o.h_n.data(), o.c_n.data(), o.gates.data(),
                                         o.cells.data(), p.sizes});
  lstm_backward(Cpu{}, LstmBackward<float>{given.dy ? p.dy.data() : nullptr,
                                           p.dy_stride,
                                           given.upstream ? p.dh_n.data() : nullptr,
                                           given.upstream ? p.dc_n.data() : nullptr,
                                           offsets,
                                           p.weight.data(),
                                           h_0,
                                           c_0,
                                           o.y.data(),
                                           o.gates.data(),
                                           o.cells.data(),
                                           o.dprojected.data(),
                                           o.dh_0.data(),
                                           o.dc_0.data(),
                                           {o.dweight.data(), DType::f32},
                                           p.sizes});
  return o;
}

template <class T, class G>
Outputs on_cuda(KernelCheck& check, const Problem& p, const Given& given) {
  const size_t n = p.cells(), states = p.states();
  DeviceArray<int32_t> offsets(p.offsets);
  DeviceArray<T> projected(p.projected), weight(p.weight), dy(p.dy), y(n), dprojected(4 * n);
  DeviceArray<float> h_0(p.h_0), c_0(p.c_0), dh_n(p.dh_n), dc_n(p.dc_n), h_n(states), c_n(states),
      gates(4 * n), cells(n), dh_0(states), dc_0(states);
  DeviceArray<G> dweight(p.weight.size());
  const Indices at{offsets.data(), nullptr};
  const auto if_given = [&](bool is, const DeviceArray<float>& of) { return is ? of.data() : nullptr; };
  lstm_forward(check.cuda,
               LstmForward<T>{projected.data(), p.projected_stride, at, weight.data(),
                              if_given(given.states, h_0), if_given(given.states, c_0), y.data(), h_n.data(),
                              c_n.data(), if_given(given.kept, gates), if_given(given.kept, cells), p.sizes});
  Outputs o;
  o.y = y.floats(), o.h_n = h_n.floats(), o.c_n = c_n.floats();
  if (!given.kept) return o;
  const DType dtype = sizeof(G) == 2 ? DType::bf16 : DType::f32;
  lstm_backward(check.cuda, LstmBackward<T>{given.dy ? dy.data() : nullptr,
                                            p.dy_stride,
                                            if_given(given.upstream, dh_n),
                                            if_given(given.upstream, dc_n),
                                            at,
                                            weight.data(),
                                            if_given(given.states, h_0),
                                            if_given(given.states, c_0),
                                            y.data(),
                                            gates.data(),
                                            cells.data(),
                                            dprojected.data(),
                                            if_given(given.states, dh_0),
                                            if_given(given.states, dc_0),
                                            {dweight.data(), dtype},
                                            p.sizes});
  o.gates = gates.floats(), o.cells = cells.floats();
  o.dprojected = dprojected.floats(), o.dweight = dweight.floats();
  if (given.states) o.dh_0 = dh_0.floats(), o.dc_0 = dc_0.floats();
  return o;
}

// A step reads h rounded, so that bf16 errs by its rounding at every step anew; gates squash that.
template <class T>
constexpr Tolerance allowed = sizeof(T) == 2 ? Tolerance{2e-2, 1e-2} : Tolerance{2e-6, 5e-6};

template <class T>
Tolerance summed(const Problem& p) {
  const double terms = static_cast<double>(p.sizes.rows + 1);
  return {allowed<T>.absolute * std::sqrt(terms), allowed<T>.relative};
}

template <class T, class G = T>
void check_one(KernelCheck& check, const std::vector<int32_t>& lengths, int64_t hidden, bool reverse,
               const Given& given = {}) {
  const Problem p = problem_of<T>(check, lengths, hidden, reverse, given.beside);
  const Outputs wanted = on_cpu(p, given), got = on_cuda<T, G>(check, p, given);
  const Tolerance close = allowed<T>;
  check.close("y", got.y, wanted.y, close);
  check.close("h_n", got.h_n, wanted.h_n, close);
  check.close("c_n", got.c_n, wanted.c_n, close);
  if (!given.kept) return;
  check.close("gates", got.gates, wanted.gates, close);
  check.close("cells", got.cells, wanted.cells, close);
  check.close("dprojected", got.dprojected, wanted.dprojected, close);
  check.close("dweight", got.dweight, wanted.dweight, summed<T>(p));
  if (!given.states) return;
  check.close("dh_0", got.dh_0, wanted.dh_0, close);
  check.close("dc_0", got.dc_0, wanted.dc_0, close);
}

void check_types(KernelCheck& check, const std::vector<int32_t>& lengths, int64_t hidden, bool reverse,
                 const Given& given = {}) {
  check_one<float>(check, lengths, hidden, reverse, given);
  check_one<bf16>(check, lengths, hidden, reverse, given);
}

KERNEL_CHECK(lstm, "lengths that differ, are equal, and are none, both directions of time") {
  for (bool reverse : {false, true}) {
    check_types(check, {2, 5, 0, 5, 1, 3}, 5, reverse);
    check_types(check, {4}, 3, reverse);
    check_types(check, {1, 1, 1}, 8, reverse);
  }
}

KERNEL_CHECK(lstm, "sizes around a block of threads") {
  for (int64_t hidden : {1, 31, 32, 33}) check_types(check, {3, 2, 2, 1}, hidden, false);  // 4 x 32 units
  check_types(check, {2, 1}, 64, true);
  check_types(check, {2}, 129, false);
}

KERNEL_CHECK(lstm, "more sequences than a block has threads") {
  std::vector<int32_t> lengths;
  for (int32_t b = 0; b < 130; b++) lengths.push_back(b * 5 % 4);
  check_types(check, lengths, 2, false);
}

KERNEL_CHECK(lstm, "without states, without gradients of them, without any of y") {
  for (bool reverse : {false, true}) {
    check_types(check, {3, 1, 4}, 4, reverse, {false, true, true});
    check_types(check, {3, 1, 4}, 4, reverse, {true, false, true});
    check_types(check, {3, 1, 4}, 4, reverse, {true, true, false});
    check_types(check, {3, 1, 4}, 4, reverse, {false, false, false});
  }
}

KERNEL_CHECK(lstm, "nothing kept: the forward of inference") {
  check_types(check, {3, 0, 4}, 4, false, {true, true, true, false});
}

KERNEL_CHECK(lstm, "columns of wider matrices") {
  check_types(check, {3, 1, 4}, 4, true, {true, true, true, true, 3});
}

KERNEL_CHECK(lstm, "a parameter of bf16 has a gradient of f32") {
  check_one<bf16, float>(check, {3, 1, 4}, 4, false);
}

KERNEL_CHECK(lstm, "nothing: no sequences, no rows, no units") {
  check_types(check, {}, 3, false);
  check_types(check, {0, 0}, 3, true);
  check_types(check, {2, 1}, 0, false);
}

KERNEL_CHECK(lstm, "the same bits again") {
  const Problem p = problem_of<float>(check, {5, 2, 3}, 9, false, 0);
  const Outputs first = on_cuda<float, float>(check, p, {}), second = on_cuda<float, float>(check, p, {});
  check.same("y", second.y, first.y);
  check.same("dprojected", second.dprojected, first.dprojected);
  check.same("dweight", second.dweight, first.dweight);
}

KERNEL_CHECK(lstm, "offsets that are none") {
  DeviceArray<float> x(12), weight(4), y(3), states(1);
  DeviceArray<int32_t> offsets(std::vector<int32_t>{0, 2});
  check.fails("lstm: offsets must end at the number of rows 3, got 2", [&] {
    lstm_forward(check.cuda, LstmForward<float>{x.data(),
                                                4,
                                                {offsets.data(), nullptr},
                                                weight.data(),
                                                nullptr,
                                                nullptr,
                                                y.data(),
                                                states.data(),
                                                states.data(),
                                                nullptr,
                                                nullptr,
                                                {1, 3, 1, false}});
  });
}

}  // namespace
}  // namespace athanor
