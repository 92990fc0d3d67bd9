// From the files of an adapter to a model that has it.
import { AthanorError } from "../../errors.js";
import { NormalizedText } from "../../tokenizers/normalized-text.js";
import { Pattern } from "../../tokenizers/regex/pattern.js";
import { planLoad, replaceWeights } from "../checkpoint.js";
import type { ModelConfig } from "../config.js";
import type { Model } from "../model.js";
import { requireAttachable } from "./adapter.js";
import { BottleneckAdapters } from "./bottleneck.js";
import { readAdapterConfig, readAdapterHeader } from "./files.js";
import { Lora } from "./lora.js";

// What a LoraConfig may say that would need other arithmetic; each must be absent or empty. What fan_in_fan_out says is
// no such thing: PEFT, too, goes by the layers.
const UNKNOWN_TO_US = [
  "alora_invocation_tokens",
  "alpha_pattern",
  "arrow_config",
  "exclude_modules",
  "kasa_config",
  "layer_replication",
  "layers_pattern",
  "layers_to_transform",
  "lora_bias",
  "megatron_config",
  "monteclora_config",
  "rank_pattern",
  "target_parameters",
  "trainable_token_indices",
  "use_bdlora",
  "use_dora",
  "use_qalora",
  "use_rslora",
  "velora_config",
];

/**
 * Attaches an adapter from its folder: LoRA as this library or PEFT saved it, or bottleneck adapters. All else but the
 * saved modules is frozen, as when it was added.
 *
 * Rejects with ERR_CHECKPOINT for files that are missing, broken, or do not fit the model, in which case the model stays
 * as it was; ERR_ARGUMENT where an adapter is attached already.
 *
 * @example
 * const model = await AutoModelForSequenceClassification.fromPretrained("./bert", { labels });
 * const lora = await loadAdapter(model, "./my-lora");
 */
export async function loadAdapter(model: Model, folder: string): Promise<Lora | BottleneckAdapters> {
  requireAttachable("loadAdapter", model);
  const config = await readAdapterConfig(folder);
  const header = await readAdapterHeader(folder);
  const adapter = attached(model, folder, config);
  try {
    const wanted = adapter.parameters();
    const odd = [...header.tensors.keys()].find((name) => !wanted.has(name));
    if (odd !== undefined) throw wrong(folder, `tensors must be of the adapter or its modules, got ${odd}`);
    const found = [...header.tensors].map(
      ([name, entry]) => [name, { file: header.file, ...entry }] as const,
    );
    const rules = { prefix: "", aliases: [], ignored: [] };
    const plan = planLoad(model.store, new Map(found), rules, { folder });
    const missing = plan.report.missing.find((name) => wanted.has(name));
    if (missing !== undefined) throw wrong(folder, `needs the tensor ${missing}, got none`);
    await replaceWeights(plan);
  } catch (error) {
    adapter.remove();
    throw error;
  }
  return adapter;
}

function attached(model: Model, folder: string, config: ModelConfig): Lora | BottleneckAdapters {
  const { modules_to_save: modules } = config;
  const names = [...model.parameters().keys()];
  const has = (module: unknown) => names.some((name) => name.startsWith(`${module}.`));
  // PEFT lists the heads that any family might have.
  const modulesToSave = Array.isArray(modules) ? modules.filter(has) : [];
  try {
    if (config.adapter_type === "bottleneck") {
      const { placement, size, activation } = config as Record<string, never>;
      return new BottleneckAdapters(model, { placement, size, activation, modulesToSave });
    }
    requirePlainLora(folder, config);
    const { r: rank, lora_alpha: alpha, lora_dropout: dropout } = config as Record<string, number>;
    return new Lora(model, { rank, alpha, dropout, targetModules: targetsOf(model, config), modulesToSave });
  } catch (cause) {
    const { code, message } = cause as AthanorError;
    if (code !== "ERR_ARGUMENT") throw cause;
    throw new AthanorError("ERR_CHECKPOINT", `${folder}: ${message}`, { cause });
  }
}

function requirePlainLora(folder: string, config: ModelConfig): void {
  if (config.peft_type !== "LORA") {
    throw wrong(folder, `peft_type must be LORA, got ${JSON.stringify(config.peft_type)}`);
  }
  const bias = config.bias ?? "none";
  if (bias !== "none") throw wrong(folder, `bias must be "none", got ${JSON.stringify(bias)}`);
  for (const name of UNKNOWN_TO_US) {
    const value = config[name] ?? false;
    const empty = value === false || (typeof value === "object" && Object.keys(value as object).length === 0);
    if (!empty) throw wrong(folder, `${name} must be left out, got ${JSON.stringify(value)}`);
  }
}

/** A text is an expression for whole names in PEFT; names in a list need not all be the model's. */
function targetsOf(model: Model, { target_modules: targets }: ModelConfig): string[] {
  const all = model.store.places.linear.map(({ name }) => name);
  if (targets === "all-linear") {
    const ofHead = new Set(model.parts.headParameters);
    return all.filter((name) => !ofHead.has(`${name}.weight`));
  }
  if (typeof targets === "string") return matching(targets, all);
  const known = (target: unknown) => all.some((name) => name === target || name.endsWith(`.${target}`));
  return Array.isArray(targets) ? targets.filter(known) : (targets as never);
}

/**
 * The names that an expression matches as a whole. A file may come from anywhere, so that it is matched in bounded time.
 *
 * @throws ERR_ARGUMENT for a text that is no expression, or takes too long
 */
function matching(expression: string, names: readonly string[]): string[] {
  try {
    const pattern = new Pattern(`^(?:${expression})$`);
    return names.filter((name) => {
      const text = new NormalizedText();
      text.load(name);
      let whole = false;
      pattern.each(text, 0, name.length, (start, end) => {
        whole ||= end - start === name.length;
      });
      return whole;
    });
  } catch (cause) {
    const message = `target_modules must be names or a regular expression, ${(cause as Error).message}`;
    throw new AthanorError("ERR_ARGUMENT", message, { cause });
  }
}

function wrong(folder: string, what: string): AthanorError {
  return new AthanorError("ERR_CHECKPOINT", `${folder}: ${what}`);
}
