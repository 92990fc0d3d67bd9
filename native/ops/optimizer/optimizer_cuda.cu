// The CUDA side of the optimizers: all parameters in one launch. Their table is uploaded, every parameter is
// cut into pieces of one size, and a block finds the parameter of its piece in the table. The norm is summed
// in double in a fixed order: within a piece, then over the pieces by one block; norm and clip factor never
// leave the device.
#include <algorithm>

#include "cuda/bf16.h"
#include "cuda/row_team.h"
#include "cuda/scratch.h"
#include "cuda/vector.h"
#include "ops/optimizer/optimizer.h"

namespace athanor {

namespace {

constexpr int threads = 256, pack = 4;
constexpr int total_threads = 512;
constexpr int64_t piece_size = 8 * threads * pack;  // elements; fixed, as the norm's bits depend on it

struct Entry {
  OptimizerSlot slot;
  int64_t first_piece;  // of this parameter among those of all
};

struct Table {
  const Entry* entries;
  int count;
};

// The last parameter whose first piece is this one or lies before it.
__device__ const Entry& entry_of(const Table& table, int64_t piece) {
  int first = 0, last = table.count;
  while (last - first > 1) {
    const int middle = (first + last) / 2;
    if (table.entries[middle].first_piece <= piece) {
      first = middle;
    } else {
      last = middle;
    }
  }
  return table.entries[first];
}

struct Piece {
  const OptimizerSlot slot;  // a copy: through a reference every store would make the compiler load it again
  int64_t begin, end;        // elements

  // That of this block.
  __device__ explicit Piece(const Table& table) : Piece(entry_of(table, blockIdx.x)) {}
  __device__ explicit Piece(const Entry& entry)
      : slot(entry.slot), begin((blockIdx.x - entry.first_piece) * piece_size) {
    end = begin + piece_size < slot.n ? begin + piece_size : slot.n;
  }
};

template <int count>
using Floats = Vector<float, count>;

// A parameter of a packed weight may begin anywhere.
__device__ bool aligned(const OptimizerSlot& s) {
  const auto position = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); };
  const uintptr_t floats = position(s.p) | position(s.g) | position(s.m) | position(s.v) | position(s.mean);
  return floats % sizeof(Floats<pack>) == 0 && position(s.rounded) % sizeof(Vector<bf16, pack>) == 0;
}

// Calls body(element, how many) for all elements of the piece, `pack` at a time where that is possible.
template <class Body>
__device__ void for_elements(const Piece& piece, const Body& body) {
  int64_t at = piece.begin;
  if (aligned(piece.slot)) {
    for (at += threadIdx.x * pack; at + pack <= piece.end; at += threads * pack)
      body(at, std::integral_constant<int, pack>{});
    at = piece.begin + (piece.end - piece.begin) / pack * pack;
  }
  for (at += threadIdx.x; at < piece.end; at += threads) body(at, std::integral_constant<int, 1>{});
}

template <int count>
__device__ void add_squares(double& squares, const Floats<count>& g) {
  for (int i = 0; i < count; i++) squares += static_cast<double>(g[i]) * static_cast<double>(g[i]);
}

// The block's sum, to squares[piece].
__device__ void put_squares(double* squares, double sum) {
  BlockTeam team;
  sum = team.sum(sum);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

template <int count>
__device__ void store_parameter(const OptimizerSlot& s, int64_t at, const Floats<count>& p) {
  store_vector(s.p + at, p);
  if (!s.rounded) return;
  Vector<bf16, count> rounded;
  for (int i = 0; i < count; i++) rounded[i] = from_float<bf16>(p[i]);
  store_vector(s.rounded + at, rounded);
}

__global__ void __launch_bounds__(threads) gradient_squares_kernel(Table table, double* squares) {
  const Piece piece(table);
  double sum = 0.0;
  for_elements(
      piece, [&](int64_t at, auto count) { add_squares(sum, load_vector<count.value>(piece.slot.g + at)); });
  put_squares(squares, sum);
}

// One block: the sum of `count` squares, to `total`, and its root, to `norm`; either may be null.
__global__ void __launch_bounds__(total_threads)
    total_squares_kernel(const double* squares, int64_t count, double* total, float* norm) {
  BlockTeam team;
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += total_threads) sum += squares[i];
  sum = team.sum(sum);
  if (threadIdx.x > 0) return;
  if (total) *total = sum;
  if (norm) *norm = static_cast<float>(sqrt(sum));
}

// squares (pieces), or null with clipping.
__global__ void __launch_bounds__(threads)
    adamw_update_kernel(Table table, Clipping clipping, AdamwStep step, double* squares) {
  if (skipped(clipping)) return;
  const Piece piece(table);
  const OptimizerSlot& s = piece.slot;
  const float clip = clip_factor(clipping), decay = 1.0f - s.learning_rate * s.weight_decay;
  const float size = s.learning_rate / step.bias_correction1, root = sqrtf(step.bias_correction2);
  double sum = 0.0;
  for_elements(piece, [&](int64_t at, auto count) {
    constexpr int n = decltype(count)::value;
    const Floats<n> g = load_vector<n>(s.g + at);
    Floats<n> p = load_vector<n>(s.p + at), m = load_vector<n>(s.m + at), v = load_vector<n>(s.v + at);
    if (squares) add_squares(sum, g);
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float gradient = g[i] * clip;
      m[i] += (gradient - m[i]) * step.one_minus_beta1;
      v[i] = v[i] * step.beta2 + gradient * gradient * step.one_minus_beta2;
      p[i] = p[i] * decay - m[i] * size / (sqrtf(v[i]) / root + step.eps);
    }
    store_parameter(s, at, p);
    store_vector(s.m + at, m);
    store_vector(s.v + at, v);
  });
  if (squares) put_squares(squares, sum);
}

__global__ void __launch_bounds__(threads)
    sgd_update_kernel(Table table, Clipping clipping, SgdStep step, double* squares) {
  if (skipped(clipping)) return;
  const Piece piece(table);
  const OptimizerSlot& s = piece.slot;
  const float clip = clip_factor(clipping), damped = 1.0f - step.dampening;
  double sum = 0.0;
  for_elements(piece, [&](int64_t at, auto count) {
    constexpr int n = decltype(count)::value;
    const Floats<n> g = load_vector<n>(s.g + at);
    Floats<n> p = load_vector<n>(s.p + at), buffer{};
    if (s.m && !s.first) buffer = load_vector<n>(s.m + at);  // at the first step it may hold anything
    if (squares) add_squares(sum, g);
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float gradient = g[i] * clip + p[i] * s.weight_decay;
      const float velocity = s.first || !s.m ? gradient : buffer[i] * step.momentum + gradient * damped;
      buffer[i] = velocity;
      p[i] -= (step.nesterov ? gradient + velocity * step.momentum : velocity) * s.learning_rate;
    }
    store_parameter(s, at, p);
    if (s.m) store_vector(s.m + at, buffer);
  });
  if (squares) put_squares(squares, sum);
}

__global__ void __launch_bounds__(threads)
    adagrad_update_kernel(Table table, Clipping clipping, AdagradStep step, double* squares) {
  if (skipped(clipping)) return;
  const Piece piece(table);
  const OptimizerSlot& s = piece.slot;
  const float clip = clip_factor(clipping);
  double sum = 0.0;
  for_elements(piece, [&](int64_t at, auto count) {
    constexpr int n = decltype(count)::value;
    const Floats<n> g = load_vector<n>(s.g + at);
    Floats<n> p = load_vector<n>(s.p + at), total = load_vector<n>(s.v + at);
    if (squares) add_squares(sum, g);
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float gradient = g[i] * clip + p[i] * s.weight_decay;
      total[i] += gradient * gradient;
      p[i] -= gradient / (sqrtf(total[i]) + step.eps) * s.learning_rate;
    }
    store_parameter(s, at, p);
    store_vector(s.v + at, total);
  });
  if (squares) put_squares(squares, sum);
}

__global__ void __launch_bounds__(threads)
    rmsprop_update_kernel(Table table, Clipping clipping, RmspropStep step, double* squares) {
  if (skipped(clipping)) return;
  const Piece piece(table);
  const OptimizerSlot& s = piece.slot;
  const float clip = clip_factor(clipping);
  double sum = 0.0;
  for_elements(piece, [&](int64_t at, auto count) {
    constexpr int n = decltype(count)::value;
    const Floats<n> g = load_vector<n>(s.g + at);
    Floats<n> p = load_vector<n>(s.p + at), square = load_vector<n>(s.v + at), buffer{}, mean{};
    if (s.m) buffer = load_vector<n>(s.m + at);
    if (s.mean) mean = load_vector<n>(s.mean + at);
    if (squares) add_squares(sum, g);
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float gradient = g[i] * clip + p[i] * s.weight_decay;
      square[i] = square[i] * step.alpha + gradient * gradient * step.one_minus_alpha;
      mean[i] += (gradient - mean[i]) * step.one_minus_alpha;
      const float spread = s.mean ? square[i] - mean[i] * mean[i] : square[i];
      const float direction = gradient / (sqrtf(spread) + step.eps);
      buffer[i] = buffer[i] * step.momentum + direction;  // without momentum the direction alone
      p[i] -= buffer[i] * s.learning_rate;
    }
    store_parameter(s, at, p);
    store_vector(s.v + at, square);
    if (s.m) store_vector(s.m + at, buffer);
    if (s.mean) store_vector(s.mean + at, mean);
  });
  if (squares) put_squares(squares, sum);
}

// The table on the device, and how many pieces there are.
class UploadedTable {
 public:
  UploadedTable(const Cuda& cuda, const std::vector<OptimizerSlot>& slots)
      : entries_(cuda, static_cast<int64_t>(slots.size())), count_(static_cast<int>(slots.size())) {
    std::vector<Entry> entries;
    entries.reserve(slots.size());
    for (const OptimizerSlot& slot : slots) {
      entries.push_back({slot, pieces_});
      pieces_ += (slot.n + piece_size - 1) / piece_size;
    }
    if (entries.empty()) return;
    // From memory that is not page-locked: it has been read when the call returns.
    check(cudaMemcpyAsync(entries_.data(), entries.data(), entries.size() * sizeof(Entry),
                          cudaMemcpyHostToDevice, static_cast<cudaStream_t>(cuda.stream)),
          "table of parameters");
  }

  Table table() const { return {entries_.data(), count_}; }
  int64_t pieces() const { return pieces_; }

 private:
  const Scratch<Entry> entries_;
  const int count_;
  int64_t pieces_ = 0;
};

// Runs `kernel` on the pieces of all slots and adds up the squares that it finds.
template <class Step>
void update(const Cuda& cuda, void (*kernel)(Table, Clipping, Step, double*),
            const std::vector<OptimizerSlot>& slots, const Clipping& clipping, const Step& step) {
  const UploadedTable uploaded(cuda, slots);
  const int64_t pieces = uploaded.pieces();
  const Scratch<double> squares(cuda, clipping.squares ? pieces : 0);
  if (pieces > 0) {
    launch(kernel, static_cast<unsigned>(pieces), threads, 0, cuda.stream, uploaded.table(), clipping, step,
           clipping.squares ? squares.data() : nullptr);
  }
  if (!clipping.squares) return;
  launch(total_squares_kernel, 1, total_threads, 0, cuda.stream, squares.data(), pieces, clipping.squares,
         nullptr);
}

}  // namespace

void gradient_norm(Cuda cuda, const GradientNorm& a) {
  const UploadedTable uploaded(cuda, a.slots);
  const int64_t pieces = uploaded.pieces();
  const Scratch<double> squares(cuda, pieces);
  if (pieces > 0) {
    launch(gradient_squares_kernel, static_cast<unsigned>(pieces), threads, 0, cuda.stream, uploaded.table(),
           squares.data());
  }
  launch(total_squares_kernel, 1, total_threads, 0, cuda.stream, squares.data(), pieces, nullptr, a.norm);
}

void norm_of_squares(Cuda cuda, const NormOfSquares& a) {
  launch(total_squares_kernel, 1, total_threads, 0, cuda.stream, a.squares, a.count, nullptr, a.norm);
}

void adamw_update(Cuda cuda, const AdamwUpdate& a) {
  update(cuda, adamw_update_kernel, a.slots, a.clipping, a.step);
}

void sgd_update(Cuda cuda, const SgdUpdate& a) {
  update(cuda, sgd_update_kernel, a.slots, a.clipping, a.step);
}

void adagrad_update(Cuda cuda, const AdagradUpdate& a) {
  update(cuda, adagrad_update_kernel, a.slots, a.clipping, a.step);
}

void rmsprop_update(Cuda cuda, const RmspropUpdate& a) {
  update(cuda, rmsprop_update_kernel, a.slots, a.clipping, a.step);
}

}  // namespace athanor
