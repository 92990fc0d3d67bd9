// The CPU side of the optimizers. Parameters of all sizes are cut into pieces of one size, which are then
// shared out.
#include <algorithm>
#include <cmath>

#include "cpu/pool.h"
#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int64_t piece_size = 32768;  // elements; fixed, as the norm's bits depend on it

struct Piece {
  int32_t slot;
  int64_t begin;
  int64_t count;
};

std::vector<Piece> cut(const std::vector<OptimizerSlot>& slots) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < slots.size(); i++) {
    for (int64_t begin = 0; begin < slots[i].n; begin += piece_size) {
      pieces.push_back({static_cast<int32_t>(i), begin, std::min(piece_size, slots[i].n - begin)});
    }
  }
  return pieces;
}

// Calls update(slot, begin, count) for every piece, on the pool.
template <class Update>
void for_each_piece(const std::vector<OptimizerSlot>& slots, const Update& update) {
  const std::vector<Piece> pieces = cut(slots);
  parallel_for(pieces.size(), [&](size_t i, Worker&) {
    const Piece& piece = pieces[i];
    update(slots[static_cast<size_t>(piece.slot)], piece.begin, static_cast<size_t>(piece.count));
  });
}

}  // namespace

void gradient_norm(Cpu, const GradientNorm& a) {
  const Kernels& k = kernels();
  const std::vector<Piece> pieces = cut(a.slots);
  std::vector<double> squares(pieces.size());
  parallel_for(pieces.size(), [&](size_t i, Worker&) {
    const Piece& piece = pieces[i];
    const float* g = a.slots[static_cast<size_t>(piece.slot)].g + piece.begin;
    squares[i] = k.sum_squares(g, static_cast<size_t>(piece.count));
  });
  double total = 0;
  for (double square : squares) total += square;
  a.norm[0] = static_cast<float>(std::sqrt(total));
}

void adamw_update(Cpu, const AdamwUpdate& a) {
  const Kernels& k = kernels();
  AdamwStep common = a.step;
  common.gradient_scale = clip_factor(a.norm[0], a.max_norm);
  for_each_piece(a.slots, [&](const OptimizerSlot& s, int64_t begin, size_t count) {
    AdamwStep step = common;
    step.learning_rate = s.learning_rate;
    step.weight_decay = s.weight_decay;
    k.adamw(s.p + begin, s.g + begin, s.m + begin, s.v + begin, count, step);
  });
}

void sgd_update(Cpu, const SgdUpdate& a) {
  const Kernels& k = kernels();
  SgdStep common = a.step;
  common.gradient_scale = clip_factor(a.norm[0], a.max_norm);
  for_each_piece(a.slots, [&](const OptimizerSlot& s, int64_t begin, size_t count) {
    SgdStep step = common;
    step.learning_rate = s.learning_rate;
    step.weight_decay = s.weight_decay;
    step.first = s.first;
    k.sgd(s.p + begin, s.g + begin, s.m ? s.m + begin : nullptr, count, step);
  });
}

}  // namespace athanor
