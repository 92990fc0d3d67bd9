// The bytes of one tensor of a checkpoint in row-major order, whatever order they have in its file.
import type { CheckpointTensor } from "./checkpoint-files.js";
import { DTYPE_BYTES, tensorBytes } from "./safetensors-dtype.js";
import { openCheckpointFile, readFully } from "./safetensors-header.js";

/** @throws ERR_CHECKPOINT when the file is not as long as it was */
export async function checkpointBytes(source: CheckpointTensor): Promise<Uint8Array> {
  const handle = await openCheckpointFile(source.file);
  try {
    const bytes = new Uint8Array(source.end - source.begin);
    await readFully(source.file, handle, bytes, source.begin);
    return source.strides ? denseBytes(bytes, source, source.strides) : bytes;
  } finally {
    await handle.close();
  }
}

function denseBytes(bytes: Uint8Array, { dtype, shape }: CheckpointTensor, strides: number[]): Uint8Array {
  const width = DTYPE_BYTES.get(dtype) as number;
  const dense = new Uint8Array(tensorBytes(dtype, shape) as number);
  const index = shape.map(() => 0);
  let from = 0; // element in the file
  for (let to = 0; to < dense.length; to += width) {
    for (let i = 0; i < width; i++) dense[to + i] = bytes[from * width + i];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return dense;
}
