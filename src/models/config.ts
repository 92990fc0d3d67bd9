// config.json: read, checked before anything is allocated, kept with its own spelling so that what is saved is
// what was loaded.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { Init } from "../nn/parameter.js";

/** A parsed config.json, in the file's own (snake case) names. */
export interface ModelConfig {
  model_type?: string;
  architectures?: string[];
  problem_type?: "regression" | "single_label_classification" | "multi_label_classification" | null;
  id2label?: Record<string, string>;
  label2id?: Record<string, number>;
  num_labels?: number;
  [name: string]: unknown;
}

const configFile = "config.json";
const largestConfig = 10_000_000; // bytes; real ones have a few thousand

export async function readConfig(folder: string): Promise<ModelConfig> {
  const file = join(folder, configFile);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: needs a ${configFile} that can be read`, { cause });
  }
  if (text.length > largestConfig)
    throw new AthanorError("ERR_CHECKPOINT", `${file}: is too large for a config`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${file}: must be JSON, ${(cause as Error).message}`, { cause });
  }
  return plainConfig(parsed, file);
}

/** A copy without the keys that could reach a prototype. */
export function plainConfig(value: unknown, who: string): ModelConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AthanorError("ERR_CHECKPOINT", `${who}: must be an object`);
  }
  const entries = Object.entries(value).filter(([key]) => key !== "__proto__");
  return Object.fromEntries(entries) as ModelConfig;
}

/** An integer of a config within a range. @throws ERR_CHECKPOINT */
export function integerOf(
  config: ModelConfig,
  name: string,
  fallback: number,
  least = 1,
  most = 2 ** 31 - 1,
): number {
  const value = config[name] ?? fallback;
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: ${name} must be an integer from ${least} to ${most}, got ${JSON.stringify(value)}`,
    );
  }
  return value as number;
}

/** A number of a config within a range. @throws ERR_CHECKPOINT */
export function numberOf(
  config: ModelConfig,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  const value = config[name] ?? fallback;
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: ${name} must be a number from ${least} to ${most}, got ${JSON.stringify(value)}`,
    );
  }
  return value;
}

/** @throws ERR_CHECKPOINT where an entry is set that would need another computation */
export function refuseEntry(config: ModelConfig, name: string, what: string): void {
  if (!config[name]) return;
  const came = JSON.stringify(config[name]);
  throw new AthanorError("ERR_CHECKPOINT", `config: ${name} must be left out for ${what}, got ${came}`);
}

/** How the weights of a head start. */
export function headInit(config: ModelConfig): Init {
  return { kind: "normal", std: numberOf(config, "initializer_range", 0.02, 0, 1e3) };
}

/** Number of classes: id2label, else num_labels, else 2 as Transformers has it. */
export function labelCount(config: ModelConfig): number {
  if (config.id2label && typeof config.id2label === "object") return Object.keys(config.id2label).length || 1;
  return integerOf(config, "num_labels", 2, 1, 10_000_000);
}

/** The config with these class labels. */
export function withLabels(config: ModelConfig, labels: readonly string[]): ModelConfig {
  if (!Array.isArray(labels) || labels.length === 0 || labels.some((label) => typeof label !== "string")) {
    throw new AthanorError("ERR_ARGUMENT", "labels: must be a list of at least one name");
  }
  if (new Set(labels).size !== labels.length) {
    throw new AthanorError("ERR_ARGUMENT", "labels: every name must appear once");
  }
  const id2label: Record<string, string> = {};
  const label2id: [string, number][] = labels.map((label, id) => [label, id]);
  labels.forEach((label, id) => {
    id2label[id] = label;
  });
  const { num_labels: _, ...rest } = config;
  return { ...rest, id2label, label2id: Object.fromEntries(label2id) };
}
