// A model folder anew with its weights as safetensors: names, numbers and their types stay what they are, and of
// tensors that share their memory (tied embeddings) the first is kept, as Transformers saves them.
import { copyFile, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import { checkpointBytes } from "./checkpoint-bytes.js";
import { type CheckpointTensor, resolveCheckpoint } from "./checkpoint-files.js";
import { writeSafetensors } from "./safetensors.js";

export interface ConvertOptions {
  /** Replaces a model.safetensors that is there; default false. */
  overwrite?: boolean;
}

export interface ConvertResult {
  /** The file written. */
  file: string;
  /** How many tensors it holds. */
  tensors: number;
  /** Names that were left out, each with the one that has its values. */
  shared: Record<string, string>;
  /** Files copied beside it. */
  copied: string[];
}

const OUTPUT = "model.safetensors";
/** Configs, vocabularies and what people wrote about the model; no weights, no code. */
const COPIED = /^(?!.*\.index\.json$)(.+\.(json|txt|model|spm|vocab|bpe|md|jinja)|LICENSE|NOTICE)$/i;

/**
 * Rewrites the weights of a folder, whatever their format, as one `model.safetensors` in `output` with the configs and
 * vocabularies beside it. Works tensor by tensor, for any architecture, and executes nothing of the files.
 *
 * @throws ERR_CHECKPOINT for weights that cannot be read, or an output that has a model.safetensors already
 * @example
 * await convertCheckpoint("./opus-mt-en-de", "./opus-mt-en-de-safetensors");
 */
export async function convertCheckpoint(
  folder: string,
  output: string,
  { overwrite = false }: ConvertOptions = {},
): Promise<ConvertResult> {
  const found = await resolveCheckpoint(folder);
  await makeFolder(output);
  const file = join(output, OUTPUT);
  if (!overwrite && (await isThere(file))) {
    throw new AthanorError("ERR_CHECKPOINT", `${output}: must have no ${OUTPUT} yet, got one`);
  }
  const { kept, shared } = withoutCopies(found);
  const sources = [...kept].map(([name, tensor]) => {
    const { dtype, shape } = tensor;
    return { name, dtype, shape, data: () => checkpointBytes(tensor) };
  });
  await writeSafetensors(file, sources);
  return { file, tensors: kept.size, shared, copied: await copyOthers(folder, output) };
}

/** Tensors that are the same bytes of the same file are one, under the name that comes first. */
function withoutCopies(found: ReadonlyMap<string, CheckpointTensor>) {
  const kept = new Map<string, CheckpointTensor>();
  const shared: Record<string, string> = {};
  const owners = new Map<string, string>();
  for (const [name, tensor] of found) {
    const { file, begin, end, shape, strides, dtype } = tensor;
    const place = JSON.stringify([file, begin, end, shape, strides, dtype]);
    const owner = end > begin ? owners.get(place) : undefined;
    if (owner !== undefined) {
      shared[name] = owner;
      continue;
    }
    owners.set(place, name);
    kept.set(name, tensor);
  }
  return { kept, shared };
}

async function copyOthers(folder: string, output: string): Promise<string[]> {
  if ((await realpath(folder)) === (await realpath(output))) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const copied: string[] = [];
  for (const { name } of entries) {
    // A Hub's cache holds links to files.
    if (!COPIED.test(name) || !(await stat(join(folder, name))).isFile()) continue;
    await copyFile(join(folder, name), join(output, name));
    copied.push(name);
  }
  return copied.sort();
}

async function makeFolder(output: string): Promise<void> {
  try {
    await mkdir(output, { recursive: true });
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${output}: must be a folder that can be written`, { cause });
  }
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
