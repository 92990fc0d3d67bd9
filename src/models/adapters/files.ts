// The files of an adapter: adapter_config.json and adapter_model.safetensors, as PEFT has them, where names begin with
// `base_model.model.`.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../../errors.js";
import type { Tensor } from "../../tensor/tensor.js";
import { writeFileAtomic } from "../atomic-file.js";
import { type ModelConfig, plainConfig } from "../config.js";
import { readSafetensorsHeader, type SafetensorsFile, writeSafetensors } from "../safetensors.js";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const PREFIX = "base_model.model.";

export async function saveAdapter(
  folder: string,
  tensors: Iterable<[string, Tensor]>,
  config: Record<string, unknown>,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: must be a folder that can be written`, { cause });
  }
  const sources = [...tensors].map(([name, tensor]) => ({
    name: PREFIX + name,
    dtype: "F32" as const,
    shape: tensor.shape,
    data: async () => (await tensor.data()) as Float32Array,
  }));
  await writeSafetensors(join(folder, WEIGHTS), sources);
  await writeFileAtomic(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
}

/** Rejects with ERR_CHECKPOINT. */
export async function readAdapterConfig(folder: string): Promise<ModelConfig> {
  const file = join(folder, CONFIG);
  try {
    return plainConfig(JSON.parse(await readFile(file, "utf8")), file);
  } catch (cause) {
    if (cause instanceof AthanorError) throw cause;
    const message = `${file}: needs an adapter's config in JSON, got ${(cause as Error).message}`;
    throw new AthanorError("ERR_CHECKPOINT", message, { cause });
  }
}

/** The tensors by the names that parameters have. Rejects with ERR_CHECKPOINT. */
export async function readAdapterHeader(folder: string): Promise<SafetensorsFile> {
  const header = await readSafetensorsHeader(join(folder, WEIGHTS));
  const tensors: SafetensorsFile["tensors"] = new Map();
  for (const [name, entry] of header.tensors) {
    tensors.set(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, entry);
  }
  return { ...header, tensors };
}
