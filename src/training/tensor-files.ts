// Tensors that are in use, and safetensors files: written one tensor at a time, read beside what is there and
// then copied over it in one go, so that a broken file changes nothing.
import { AthanorError } from "../errors.js";
import { readSafetensorsHeader, type SafetensorsSource, writeSafetensors } from "../models/safetensors.js";
import { getEngine } from "../native/load.js";
import { mul } from "../tensor/ops/elementwise.js";
import { computed, untracked } from "../tensor/scope.js";
import { handles, makeTensor, type Tensor } from "../tensor/tensor.js";

/** A tensor to be filled from a file of F32 elements. */
export interface FileTarget {
  file: string;
  /** Byte position of the first element. */
  begin: number;
  target: Tensor;
}

// Of the copies that lie beside the targets.
const MOST_BYTES = 256 << 20;

/** Zeros of the shape of `parameter` on its queue, owned by nobody but the caller. */
export function zerosLike(parameter: Tensor): Tensor {
  // A product with 0 would keep NaN and infinity: it only gives shape and queue.
  const zeros = computed(() => mul(parameter, 0));
  getEngine().native.fill(handles.of(zeros), 0);
  return zeros;
}

/** Writes f32 tensors by name. Rejects with ERR_CHECKPOINT; the old file stays when anything fails. */
export async function writeTensors(
  file: string,
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Record<string, string>,
): Promise<void> {
  const sources: SafetensorsSource[] = [];
  for (const [name, tensor] of tensors) {
    sources.push({ name, dtype: "F32", shape: tensor.shape, data: () => tensor.data() });
  }
  await writeSafetensors(file, sources, metadata);
}

/** The metadata of a file, and where each of its tensors lies. @throws ERR_CHECKPOINT */
export async function readTensorTable(file: string): Promise<{
  metadata: Map<string, string>;
  entries: Map<string, { shape: number[]; dtype: string; begin: number }>;
}> {
  const { metadata, tensors } = await readSafetensorsHeader(file);
  return { metadata, entries: tensors };
}

/** Checks that a stored tensor fits. @throws ERR_CHECKPOINT */
export function requireFit(
  file: string,
  name: string,
  stored: { shape: number[]; dtype: string },
  shape: readonly number[],
): void {
  if (stored.dtype === "F32" && stored.shape.join() === shape.join()) return;
  const came = `${stored.dtype} [${stored.shape.join(", ")}]`;
  throw new AthanorError("ERR_CHECKPOINT", `${file}: ${name} must be F32 [${shape.join(", ")}], got ${came}`);
}

/**
 * Fills tensors from files, off the JavaScript thread. All is read before anything is changed, unless it is
 * more than 256 MB; what is queued before still sees the old elements.
 *
 * Rejects with ERR_CHECKPOINT for a file that is cut short.
 */
export async function fillTensors(targets: readonly FileTarget[]): Promise<void> {
  for (let first = 0; first < targets.length; ) {
    let bytes = 0;
    let last = first;
    do bytes += targets[last++].target.size * 4;
    while (last < targets.length && bytes + targets[last].target.size * 4 <= MOST_BYTES);
    await fillPart(targets.slice(first, last));
    first = last;
  }
}

async function fillPart(targets: readonly FileTarget[]): Promise<void> {
  const { native, settle } = getEngine();
  const copies = targets.map(({ target }) => {
    return untracked(() => makeTensor(null, "f32", target.shape, target.device, 0));
  });
  try {
    const byFile = new Map<string, number[]>();
    targets.forEach(({ file, begin }, i) => {
      const list = byFile.get(file) ?? [];
      list.push(handles.of(copies[i]), 0, begin); // 0: as it lies in the file
      byFile.set(file, list);
    });
    for (const [file, list] of byFile) {
      await settle((id) => native.readFile(file, Float64Array.from(list), id));
    }
    targets.forEach(({ target }, i) => {
      native.copy(handles.require(target, "fillTensors", "target"), handles.of(copies[i]));
    });
  } finally {
    for (const copy of copies) copy.dispose();
  }
}
