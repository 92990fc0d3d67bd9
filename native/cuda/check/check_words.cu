// The shared words of kernels, each alone against its definition: fragments, matrix loads, asynchronous
// copies, sums. On a GPU this is what confirms the emulator's twins.
#include "core/random.h"
#include "cuda/bf16.h"
#include "cuda/check/kernel_check.h"
#include "cuda/copy_async.h"
#include "cuda/launch.h"
#include "cuda/mma.h"
#include "cuda/reduce.h"
#include "cuda/vector.h"

namespace athanor {
namespace {

// ---- tensor cores: one warp, a (16, K), b (K, 8), d (16, 8) ----

__global__ void mma_bf16_kernel(const bf16* a, const bf16* b, float* d) {
  const int lane = threadIdx.x, group = lane / 4, pair = lane % 4;
  uint32_t fa[4], fb[2];
  for (int i = 0; i < 4; i++) {
    const bf16* from = a + (group + i % 2 * 8) * 16 + 2 * pair + i / 2 * 8;
    fa[i] = pack_bf16(from[0], from[1]);
  }
  for (int i = 0; i < 2; i++) {
    const bf16* from = b + (2 * pair + i * 8) * 8 + group;
    fb[i] = pack_bf16(from[0], from[8]);
  }
  float fd[4];
  for (int i = 0; i < 4; i++) fd[i] = d[(group + i / 2 * 8) * 8 + 2 * pair + i % 2];
  mma_m16n8k16(fd, fa, fb);
  for (int i = 0; i < 4; i++) d[(group + i / 2 * 8) * 8 + 2 * pair + i % 2] = fd[i];
}

__global__ void mma_tf32_kernel(const float* a, const float* b, float* d) {
  const int lane = threadIdx.x, group = lane / 4, pair = lane % 4;
  uint32_t fa[4], fb[2];
  for (int i = 0; i < 4; i++) fa[i] = to_tf32(a[(group + i % 2 * 8) * 8 + pair + i / 2 * 4]);
  for (int i = 0; i < 2; i++) fb[i] = to_tf32(b[(pair + i * 4) * 8 + group]);
  float fd[4];
  for (int i = 0; i < 4; i++) fd[i] = d[(group + i / 2 * 8) * 8 + 2 * pair + i % 2];
  mma_m16n8k8_tf32(fd, fa, fb);
  for (int i = 0; i < 4; i++) d[(group + i / 2 * 8) * 8 + 2 * pair + i % 2] = fd[i];
}

// Small integers: exact in bf16 and tf32, as are their sums.
template <class T, int depth, class Kernel>
void check_mma(KernelCheck& check, Kernel kernel) {
  std::vector<float> a(16 * depth), b(depth * 8), d(16 * 8);
  for (auto* values : {&a, &b, &d}) {
    for (float& value : *values) value = static_cast<float>(check.random.integer(-9, 9));
  }
  std::vector<double> wanted(d.begin(), d.end());
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 8; column++) {
      for (int k = 0; k < depth; k++) {
        wanted[row * 8 + column] += double{a[row * depth + k]} * b[k * 8 + column];
      }
    }
  }
  DeviceArray<T> device_a(a), device_b(b);
  DeviceArray<float> device_d(d);
  launch(kernel, 1, 32, 0, check.cuda.stream, device_a.data(), device_b.data(), device_d.data());
  check.close("d", device_d.floats(), wanted, {});
}

KERNEL_CHECK(words, "mma_m16n8k16") {
  check_mma<bf16, 16>(check, mma_bf16_kernel);
}
KERNEL_CHECK(words, "mma_m16n8k8_tf32") {
  check_mma<float, 8>(check, mma_tf32_kernel);
}

// ---- ldmatrix: four matrices of 8 x 8 in rows of 24 elements ----

constexpr int matrix_stride = 24;

__global__ void ldmatrix_kernel(const bf16* x, uint32_t* straight, uint32_t* transposed, uint32_t* two) {
  SHARED(bf16, tile, [32 * matrix_stride]);
  const int lane = threadIdx.x;
  for (int i = lane; i < 32 * matrix_stride; i += warp_size) tile[i] = x[i];
  __syncwarp();
  uint32_t r[4], s[2];
  ldmatrix_x4(r, tile + lane * matrix_stride);
  for (int m = 0; m < 4; m++) straight[m * 32 + lane] = r[m];
  ldmatrix_x4_trans(r, tile + lane * matrix_stride);
  for (int m = 0; m < 4; m++) transposed[m * 32 + lane] = r[m];
  ldmatrix_x2(s, tile + lane % 16 * matrix_stride);
  for (int m = 0; m < 2; m++) two[m * 32 + lane] = s[m];
  ldmatrix_x2_trans(s, tile + lane % 16 * matrix_stride);
  for (int m = 0; m < 2; m++) two[(2 + m) * 32 + lane] = s[m];
}

KERNEL_CHECK(words, "ldmatrix") {
  std::vector<bf16> x(32 * matrix_stride);
  for (bf16& value : x) value.bits = static_cast<uint16_t>(check.random.bits());
  std::vector<uint32_t> straight(128), transposed(128), two(128);
  for (int m = 0; m < 4; m++) {
    for (int lane = 0; lane < 32; lane++) {
      const auto at = [&](int row, int column) {
        return uint32_t{x[(m * 8 + row) * matrix_stride + column].bits};
      };
      const int group = lane / 4, pair = lane % 4, to = m * 32 + lane;
      straight[to] = at(group, 2 * pair) | at(group, 2 * pair + 1) << 16;
      transposed[to] = at(2 * pair, group) | at(2 * pair + 1, group) << 16;
    }
  }
  std::copy(straight.begin(), straight.begin() + 64, two.begin());
  std::copy(transposed.begin(), transposed.begin() + 64, two.begin() + 64);
  DeviceArray<bf16> device_x(x);
  DeviceArray<uint32_t> a(128), b(128), c(128);
  launch(ldmatrix_kernel, 1, 32, 0, check.cuda.stream, device_x.data(), a.data(), b.data(), c.data());
  check.same("ldmatrix_x4", a.download(), straight);
  check.same("ldmatrix_x4_trans", b.download(), transposed);
  check.same("ldmatrix_x2 and _trans", c.download(), two);
}

// ---- copy_async: two stages, each thread a chunk of the first `bytes` bytes ----

constexpr int copy_threads = 64;

__global__ void copy_async_kernel(const float* x, float* y, int bytes) {
  float* tile = dynamic_shared<float>();
  const int t = threadIdx.x;
  copy_async_16(tile + 4 * t, x + 4 * t);
  copy_async_commit();
  copy_async_16(tile + 4 * (copy_threads + t), x + 4 * (copy_threads + t), bytes);
  copy_async_4(tile + 8 * copy_threads + t, x + 8 * copy_threads + t);
  copy_async_commit();
  copy_async_wait<1>();
  __syncthreads();
  const int other = copy_threads - 1 - t;
  for (int i = 0; i < 4; i++) y[4 * t + i] = tile[4 * other + i];
  copy_async_wait<0>();
  __syncthreads();
  for (int i = 0; i < 4; i++) y[4 * (copy_threads + t) + i] = tile[4 * (copy_threads + other) + i];
  y[8 * copy_threads + t] = tile[8 * copy_threads + other];
}

KERNEL_CHECK(words, "copy_async") {
  const std::vector<float> x = check.random.floats(9 * copy_threads);
  for (int bytes : {0, 4, 12, 16}) {
    std::vector<float> wanted(x.size());
    for (int t = 0; t < copy_threads; t++) {
      const int other = copy_threads - 1 - t;
      for (int i = 0; i < 4; i++) {
        wanted[4 * t + i] = x[4 * other + i];
        wanted[4 * (copy_threads + t) + i] = 4 * i < bytes ? x[4 * (copy_threads + other) + i] : 0;
      }
      wanted[8 * copy_threads + t] = x[8 * copy_threads + other];
    }
    DeviceArray<float> device_x(x), y(x.size());
    launch(copy_async_kernel, 1, copy_threads, x.size() * sizeof(float), check.cuda.stream, device_x.data(),
           y.data(), bytes);
    check.same("y with " + std::to_string(bytes) + " bytes", y.download(), wanted);
  }
}

// ---- sums, maxima, elements ----

template <int threads>
__global__ void reduce_kernel(const float* x, float* sums, float* maxima, float* quarters) {
  const size_t i = size_t{blockIdx.x} * threads + threadIdx.x;
  sums[i] = block_sum<threads>(x[i]);
  sums[i] += block_sum<threads>(2 * x[i]);  // the same array again
  maxima[i] = block_max<threads>(x[i]);
  quarters[i] = warp_sum<8>(x[i]);
}

template <int threads>
void check_reduce(KernelCheck& check) {
  constexpr int blocks = 3;
  std::vector<float> x(threads * blocks), sums(x.size()), maxima(x.size()), quarters(x.size());
  for (float& value : x) value = static_cast<float>(check.random.integer(-1000, -1));
  for (int i = 0; i < threads * blocks; i++) {
    const auto block = x.begin() + i / threads * threads, quarter = x.begin() + i / 8 * 8;
    for (int j = 0; j < threads; j++) sums[i] += 3 * block[j];
    for (int j = 0; j < 8; j++) quarters[i] += quarter[j];
    maxima[i] = *std::max_element(block, block + threads);
  }
  DeviceArray<float> device_x(x), s(x.size()), m(x.size()), q(x.size());
  launch(reduce_kernel<threads>, blocks, threads, 0, check.cuda.stream, device_x.data(), s.data(), m.data(),
         q.data());
  const std::string name = std::to_string(threads) + " threads: ";
  check.same(name + "block_sum", s.download(), sums);
  check.same(name + "block_max", m.download(), maxima);
  check.same(name + "warp_sum of 8", q.download(), quarters);
}

KERNEL_CHECK(words, "reduce") {
  check_reduce<32>(check);
  check_reduce<96>(check);
  check_reduce<256>(check);
  check_reduce<1024>(check);
}

__global__ void bf16_kernel(const float* x, bf16* y, float* back, uint32_t* pairs, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n) return;
  y[i] = from_float<bf16>(x[i]);
  back[i] = to_float(y[i]);
  pairs[i] = pack_bf16(x[i], 1.0f);
  if (low_float(pairs[i]) != back[i] || high_float(pairs[i]) != 1.0f) pairs[i] = 0;
}

KERNEL_CHECK(words, "bf16 rounds to nearest even") {
  std::vector<float> x = {0.0f,         -0.0f,   1.0f,   1.00390625f, 1.01171875f,
                          -1.00390625f, 3.4e38f, 1e-40f, INFINITY};
  for (float value : check.random.normals(500)) x.push_back(value * 1e3f);
  DeviceArray<float> device_x(x), back(x.size());
  DeviceArray<bf16> y(x.size());
  DeviceArray<uint32_t> pairs(x.size());
  launch(bf16_kernel, blocks_for(x.size(), 128), 128, 0, check.cuda.stream, device_x.data(), y.data(),
         back.data(), pairs.data(), static_cast<int>(x.size()));
  std::vector<uint32_t> wanted_pairs;
  for (bf16 value : y.download()) wanted_pairs.push_back(0x3F800000u | value.bits);
  check.same("pairs", pairs.download(), wanted_pairs);
  check.same("y", y.floats(), rounded_to<bf16>(x));
  check.same("back", back.download(), rounded_to<bf16>(x));
}

__global__ void philox_kernel(uint32_t* words, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) words[i] = philox_word(0x123456789ABCDEFu, 7, static_cast<uint64_t>(i) << 20);
}

KERNEL_CHECK(words, "philox gives the bits of the CPU") {
  std::vector<uint32_t> wanted(300);
  for (size_t i = 0; i < wanted.size(); i++)
    wanted[i] = philox_word(0x123456789ABCDEFu, 7, uint64_t{i} << 20);
  DeviceArray<uint32_t> words(wanted.size());
  launch(philox_kernel, blocks_for(wanted.size(), 128), 128, 0, check.cuda.stream, words.data(),
         static_cast<int>(wanted.size()));
  check.same("words", words.download(), wanted);
}

}  // namespace
}  // namespace athanor
