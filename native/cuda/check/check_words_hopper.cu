// The words of sm_90a against their definition: one tile by TMA and its products by wgmma, exact for small
// integers. In the emulator, and on a device of capability 9.0, where this is what confirms the twins.
#include "cuda/bf16.h"
#include "cuda/check/kernel_check.h"
#include "cuda/launch.h"
#include "cuda/layout_hopper.h"
#include "cuda/tensor_map.h"
#include "cuda/words_hopper.h"

namespace athanor {
namespace {

constexpr int word_rows = 64, word_depth = 64, word_threads = 128;

// How a and b (columns, k) lie in memory: as they are, or transposed; in_registers: a is not in shared
// memory.
template <int columns_, bool a_transposed_, bool b_transposed_, bool in_registers_>
struct Form {
  static constexpr int columns = columns_;
  static constexpr bool a_transposed = a_transposed_, b_transposed = b_transposed_;
  [[maybe_unused]] static constexpr bool in_registers = in_registers_;  // only where there are words
  static constexpr int a_bytes = word_rows * word_depth * 2, b_bytes = columns * word_depth * 2;
  static constexpr int shared_bytes = hopper_group_bytes + a_bytes + b_bytes + 8;
};

#if HOPPER_WORDS

template <bool transposed>
__device__ void load_factor(char* to, const CUtensorMap* map, uint64_t* barrier, int rows) {
  if constexpr (transposed) {
    for (int panel = 0; panel < rows / 64; panel++) {
      tma_load(to + panel * word_depth * hopper_line_bytes, map, barrier, 64 * panel, 0, 0);
    }
  } else {
    tma_load(to, map, barrier, 0, 0, 0);
  }
}

__device__ void row_fragment(uint32_t (&fragment)[4], const bf16* a, int step) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (int i = 0; i < 4; i++) {
    const int row = 16 * warp + lane / 4 + i % 2 * 8, k = 16 * step + lane % 4 * 2 + i / 2 * 8;
    fragment[i] = pack_bf16(a[row * word_depth + k], a[row * word_depth + k + 1]);
  }
}

#endif

template <class F>
__global__ void __launch_bounds__(word_threads)
    wgmma_kernel(const __grid_constant__ CUtensorMap a_map, const __grid_constant__ CUtensorMap b_map,
                 const bf16* a, float* d) {
#if HOPPER_WORDS
  char* raw = dynamic_shared<char>();
  char* a_tile = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  char* b_tile = a_tile + F::a_bytes;
  uint64_t* barrier = reinterpret_cast<uint64_t*>(b_tile + F::b_bytes);
  if (threadIdx.x == 0) {
    barrier_init(barrier, 1);
    barrier_init_fence();
    barrier_arrive_expect(barrier, F::a_bytes + F::b_bytes);
    load_factor<F::a_transposed>(a_tile, &a_map, barrier, word_rows);
    load_factor<F::b_transposed>(b_tile, &b_map, barrier, F::columns);
  }
  __syncthreads();
  barrier_wait(barrier, 0);
  __syncwarp();
  float sums[1][F::columns / 8][4];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const auto each = [&](const auto& f) {
#pragma unroll
    for (int n = 0; n < F::columns / 8; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int row = 16 * warp + lane / 4 + e / 2 * 8, column = 8 * n + lane % 4 * 2 + e % 2;
        f(sums[0][n][e], d[row * F::columns + column]);
      }
    }
  };
  each([](float& sum, float& in_memory) { sum = in_memory; });
  wgmma_fence();
#pragma unroll
  for (int step = 0; step < word_depth / 16; step++) {
    const uint64_t b = wgmma_operand(shared_address(b_tile), !F::b_transposed, 0, step);
    if constexpr (F::in_registers) {
      uint32_t fragment[4];
      row_fragment(fragment, a, step);
      wgmma_fence();
      wgmma_rows<F::b_transposed>(sums[0], fragment, b);
    } else {
      const uint64_t left = wgmma_operand(shared_address(a_tile), !F::a_transposed, 0, step);
      wgmma_m64n128k16<F::a_transposed, F::b_transposed>(sums, left, b);
    }
  }
  wgmma_commit();
  wgmma_wait<0>();
  each([](float& sum, float& in_memory) { in_memory = sum; });
#endif
}

std::vector<float> transposed_of(const std::vector<float>& x, int rows, int columns) {
  std::vector<float> y(x.size());
  for (int row = 0; row < rows; row++) {
    for (int column = 0; column < columns; column++) {
      y[static_cast<size_t>(column * rows + row)] = x[static_cast<size_t>(row * columns + column)];
    }
  }
  return y;
}

// Rows beyond the last, as TMA fills them, are zero.
template <class F>
void check_wgmma(KernelCheck& check, const std::string& name, int b_rows = F::columns) {
  const auto integers = [&](int count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(check.random.integer(-9, 9));
    return values;
  };
  const std::vector<float> a = integers(word_rows * word_depth), b = integers(b_rows * word_depth),
                           d = integers(word_rows * F::columns);
  std::vector<float> wanted = d;
  for (int row = 0; row < word_rows; row++) {
    for (int column = 0; column < b_rows; column++) {
      float& sum = wanted[static_cast<size_t>(row * F::columns + column)];
      for (int k = 0; k < word_depth; k++) {
        sum += a[static_cast<size_t>(row * word_depth + k)] * b[static_cast<size_t>(column * word_depth + k)];
      }
    }
  }
  const DeviceArray<bf16> device_a(a),
      stored_a(F::a_transposed ? transposed_of(a, word_rows, word_depth) : a),
      stored_b(F::b_transposed ? transposed_of(b, b_rows, word_depth) : b);
  const auto map = [](const DeviceArray<bf16>& x, bool transposed, int rows, int box) {
    return transposed ? tensor_map(x.data(), {1, word_depth, rows, rows, 0}, word_depth)
                      : tensor_map(x.data(), {1, rows, word_depth, word_depth, 0}, box);
  };
  DeviceArray<float> device_d(d);
  launch(wgmma_kernel<F>, 1, word_threads, F::shared_bytes, check.cuda.stream,
         map(stored_a, F::a_transposed, word_rows, word_rows),
         map(stored_b, F::b_transposed, b_rows, F::columns), device_a.data(), device_d.data());
  check.same(name, device_d.download(), wanted);
}

bool has_words(const KernelCheck& check) {
#if defined(CUDA_EMULATED)
  constexpr bool emulated_words = true;
#else
  constexpr bool emulated_words = false;
#endif
  return emulated_words || check.cuda.properties->capability == 90;
}

KERNEL_CHECK(words, "TMA and wgmma, factors in shared memory") {
  if (!has_words(check)) return;
  check_wgmma<Form<128, false, false, false>>(check, "a b^T");
  check_wgmma<Form<128, false, true, false>>(check, "a b");
  check_wgmma<Form<128, true, true, false>>(check, "a^T b");
  check_wgmma<Form<128, false, false, false>>(check, "rows beyond the tensor", 90);
  check_wgmma<Form<128, false, true, false>>(check, "columns beyond the tensor", 88);
}

KERNEL_CHECK(words, "TMA and wgmma, rows in registers") {
  if (!has_words(check)) return;
  check_wgmma<Form<64, false, false, true>>(check, "64 columns");
  check_wgmma<Form<64, false, true, true>>(check, "64 columns, transposed");
  check_wgmma<Form<128, false, false, true>>(check, "128 columns");
  check_wgmma<Form<128, false, true, true>>(check, "128 columns, transposed");
}

}  // namespace
}  // namespace athanor
