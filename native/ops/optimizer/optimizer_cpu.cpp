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

// Calls update(slot, begin, count, squares) for every piece, on the pool. Returns the sum of what it wrote to
// squares: the sum of squares of the piece's gradients, or nothing.
template <class Update>
double for_each_piece(const std::vector<OptimizerSlot>& slots, const Update& update) {
  const std::vector<Piece> pieces = cut(slots);
  std::vector<double> squares(pieces.size());
  parallel_for(pieces.size(), [&](size_t i, Worker&) {
    const Piece& piece = pieces[i];
    const OptimizerSlot& slot = slots[static_cast<size_t>(piece.slot)];
    update(slot, piece.begin, static_cast<size_t>(piece.count), &squares[i]);
  });
  double total = 0;
  for (double square : squares) total += square;
  return total;
}

// One update: the clip factor first, then piece by piece `apply(slot, begin, count, step, squares)`, which
// writes the sum of squares of the piece's gradients where squares is not null.
template <class Update, class Apply>
void update_pieces(const Update& a, const Apply& apply) {
  if (skipped(a.clipping)) return;
  auto common = a.step;
  common.gradient_scale = clip_factor(a.clipping);
  const bool wanted = a.clipping.squares != nullptr;
  const double total =
      for_each_piece(a.slots, [&](const OptimizerSlot& s, int64_t begin, size_t n, double* squares) {
        auto step = common;
        step.learning_rate = s.learning_rate;
        step.weight_decay = s.weight_decay;
        apply(s, begin, n, step, wanted ? squares : nullptr);
      });
  if (wanted) *a.clipping.squares = total;
}

// For an update that does not find the squares itself; it then finds the gradients in cache.
void find_squares(const OptimizerSlot& s, int64_t begin, size_t n, double* squares) {
  if (squares) *squares = kernels().sum_squares(s.g + begin, n);
}

// Of a state that may be missing.
float* at(float* state, int64_t begin) {
  return state ? state + begin : nullptr;
}

}  // namespace

void gradient_norm(Cpu, const GradientNorm& a) {
  const double total =
      for_each_piece(a.slots, [](const OptimizerSlot& s, int64_t begin, size_t n, double* squares) {
        *squares = kernels().sum_squares(s.g + begin, n);
      });
  a.norm[0] = static_cast<float>(std::sqrt(total));
}

void norm_of_squares(Cpu, const NormOfSquares& a) {
  double total = 0;
  for (int64_t i = 0; i < a.count; i++) total += a.squares[i];
  a.norm[0] = static_cast<float>(std::sqrt(total));
}

void adamw_update(Cpu, const AdamwUpdate& a) {
  update_pieces(a,
                [](const OptimizerSlot& s, int64_t begin, size_t n, const AdamwStep& step, double* squares) {
                  kernels().adamw(s.p + begin, s.g + begin, s.m + begin, s.v + begin, n, step, squares);
                });
}

void sgd_update(Cpu, const SgdUpdate& a) {
  update_pieces(a, [](const OptimizerSlot& s, int64_t begin, size_t n, SgdStep step, double* squares) {
    find_squares(s, begin, n, squares);
    step.first = s.first;
    kernels().sgd(s.p + begin, s.g + begin, at(s.m, begin), n, step);
  });
}

void adagrad_update(Cpu, const AdagradUpdate& a) {
  update_pieces(
      a, [](const OptimizerSlot& s, int64_t begin, size_t n, const AdagradStep& step, double* squares) {
        find_squares(s, begin, n, squares);
        kernels().adagrad(s.p + begin, s.g + begin, s.v + begin, n, step);
      });
}

void rmsprop_update(Cpu, const RmspropUpdate& a) {
  update_pieces(
      a, [](const OptimizerSlot& s, int64_t begin, size_t n, const RmspropStep& step, double* squares) {
        find_squares(s, begin, n, squares);
        kernels().rmsprop(s.p + begin, s.g + begin, s.v + begin, at(s.m, begin), at(s.mean, begin), n, step);
      });
}

}  // namespace athanor
