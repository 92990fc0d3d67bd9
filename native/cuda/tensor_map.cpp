#include "cuda/tensor_map.h"

#include <string>

#include "cuda/check.h"
#include "cuda/layout_hopper.h"

namespace athanor {

namespace {

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

// Taken from the driver, which is never linked.
EncodeTiled find_encode_tiled() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  check(
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
      "cuTensorMapEncodeTiled");
  if (found != cudaDriverEntryPointSuccess || function == nullptr) {
    throw Error(ErrorCode::cuda, "tensor_map: the driver has no cuTensorMapEncodeTiled");
  }
  return reinterpret_cast<EncodeTiled>(function);
}

// Looked for once, and again after a failure.
EncodeTiled encode_tiled() {
  static const EncodeTiled function = find_encode_tiled();
  return function;
}

}  // namespace

CUtensorMap tensor_map(const bf16* data, const TensorExtent& extent, int box_rows) {
  const auto size = [](int64_t count) { return static_cast<cuuint64_t>(count); };
  const cuuint64_t sizes[3] = {size(extent.columns), size(extent.rows), size(extent.batch)};
  const int64_t batch_stride = extent.batch == 1 ? extent.rows * extent.row_stride : extent.batch_stride;
  const cuuint64_t strides[2] = {size(extent.row_stride) * sizeof(bf16), size(batch_stride) * sizeof(bf16)};
  const cuuint32_t box[3] = {hopper_line_elements, static_cast<cuuint32_t>(box_rows), 1},
                   steps[3] = {1, 1, 1};
  CUtensorMap map;
  const CUresult result =
      encode_tiled()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<bf16*>(data), sizes, strides, box,
                     steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                     CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw Error(ErrorCode::cuda, "tensor_map: cuTensorMapEncodeTiled failed with " + std::to_string(result));
  }
  return map;
}

}  // namespace athanor
