// The emulator itself, as check_emulator.cu: mistakes with the words of sm_90a. Nothing here runs on a GPU.
#if defined(CUDA_EMULATED)

#include "cuda/check/kernel_check.h"
#include "cuda/launch.h"
#include "cuda/layout_hopper.h"
#include "cuda/tensor_map.h"
#include "cuda/words_hopper.h"

namespace athanor {
namespace {

enum class Mistake {
  none,
  arrival_missing,
  bytes_missing,
  not_initialised,
  arrival_too_many,
  copy_not_awaited,
  product_not_awaited,
  descriptors_differ,
  half_a_warp,
  begins_in_another_line,
  tile_misaligned
};

// One tile of 64 lines by TMA, multiplied by itself.
__global__ void mistake_kernel(Mistake m, const CUtensorMap map, float* d) {
  constexpr int tile_bytes = 64 * hopper_line_bytes;
  char* raw = dynamic_shared<char>();
  char* tile = raw + (hopper_group_bytes - shared_address(raw) % hopper_group_bytes) % hopper_group_bytes;
  uint64_t* barrier = reinterpret_cast<uint64_t*>(tile + tile_bytes);
  if (threadIdx.x == 0) {
    if (m != Mistake::not_initialised) barrier_init(barrier, m == Mistake::arrival_missing ? 2 : 1);
    barrier_arrive_expect(barrier, tile_bytes + (m == Mistake::bytes_missing ? 16 : 0));
    if (m == Mistake::arrival_too_many) barrier_arrive(barrier);
    tma_load(tile + (m == Mistake::tile_misaligned ? 64 : 0), &map, barrier, 0, 0, 0);
  }
  __syncthreads();
  if (m == Mistake::copy_not_awaited) return;
  barrier_wait(barrier, 0);
  if (m == Mistake::half_a_warp && threadIdx.x % 32 >= 16) return;
  float sums[1][8][4] = {};
  const uint32_t a[4] = {};
  int shift = m == Mistake::descriptors_differ && threadIdx.x == 77 ? hopper_group_bytes : 0;
  if (m == Mistake::begins_in_another_line) shift = hopper_line_bytes;
  wgmma_rows<false>(sums[0], a,
                    wgmma_operand(shared_address(tile) + static_cast<uint32_t>(shift), true, 0, 0));
  wgmma_commit();
  if (m == Mistake::product_not_awaited) return;
  wgmma_wait<0>();
  d[threadIdx.x] = sums[0][0][0];
}

KERNEL_CHECK(emulator, "mistakes with mbarrier, TMA and wgmma") {
  const DeviceArray<bf16> x(std::vector<float>(64 * 64, 1.0f));
  const DeviceArray<float> d(128);
  const CUtensorMap map = tensor_map(x.data(), {1, 64, 64, 64, 0}, 64);
  const auto run = [&](Mistake m) {
    launch(mistake_kernel, 1, 128, hopper_group_bytes + 64 * hopper_line_bytes + 8, check.cuda.stream, m, map,
           d.data());
  };
  const auto expect = [&](Mistake m, const std::string& mention) {
    check.fails(mention, [&] { run(m); });
    emulated::clear_failure();
  };
  expect(Mistake::arrival_missing, "the phase of an mbarrier does not end: it lacks 1 arrivals and 0 bytes");
  expect(Mistake::bytes_missing, "it lacks 0 arrivals and 16 bytes");
  expect(Mistake::not_initialised, "an mbarrier that was not initialised");
  expect(Mistake::arrival_too_many, "an arrival more than the mbarrier has in a phase");
  expect(Mistake::product_not_awaited, "a thread ends before its wgmma was waited for");
  expect(Mistake::descriptors_differ, "lanes of a warp have different descriptors");
  expect(Mistake::half_a_warp, "lacks a lane");
  expect(Mistake::begins_in_another_line, "must begin in a line at a multiple of 1024 bytes");
  expect(Mistake::tile_misaligned, "TMA copies to shared memory at multiples of 128 bytes");
  // A copy that has arrived at once leaves nothing to report.
  if (emulated::seed() % 2 == 0) {
    expect(Mistake::copy_not_awaited, "a block ends before a copy by TMA was waited for");
  }
  run(Mistake::none);
  check.same("d", d.download(), std::vector<float>(128, 0.0f));
}

KERNEL_CHECK(emulator, "tensor maps that the driver refuses") {
  const DeviceArray<bf16> x(std::vector<float>(64 * 64, 1.0f)), shifted(std::vector<float>(64 * 64, 1.0f), 1);
  for (const TensorExtent& extent : {TensorExtent{1, 0, 64, 64, 0}, TensorExtent{1, 8, 64, 68, 0}}) {
    check.fails("cuTensorMapEncodeTiled failed with 1", [&] { tensor_map(x.data(), extent, 64); });
  }
  check.fails("failed with 1", [&] { tensor_map(x.data(), {1, 64, 64, 64, 0}, 257); });
  check.fails("failed with 1", [&] { tensor_map(shifted.data(), {1, 64, 64, 64, 0}, 64); });
}

}  // namespace
}  // namespace athanor

#endif
