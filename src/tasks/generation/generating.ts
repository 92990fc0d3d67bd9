// What tasks that generate text share: the model's generate(), its options, and ids to text.
import { AthanorError } from "../../errors.js";
import type { GenerateOptions } from "../../generation/options.js";
import { resolveSettings } from "../../generation/settings.js";
import type { Example } from "../../models/batch.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import type { TrainableModel } from "../../training/task.js";
import { optionFault } from "../rows.js";

/** Options of `model.generate`, which checks them: `{ numBeams: 4, maxNewTokens: 64 }`. */
export type GenerationSettings = Readonly<Record<string, unknown>>;

export interface GenerateContext {
  signal?: AbortSignal;
  seed: number;
}

/** The sequences of examples, `each` per example. @throws ERR_ARGUMENT for a model that cannot generate */
export async function generated(
  task: string,
  model: TrainableModel,
  examples: readonly Example[],
  settings: GenerationSettings,
  { signal, seed }: GenerateContext,
): Promise<Int32Array[][]> {
  if (typeof model.generate !== "function") {
    const came = (model.config.architectures as string[] | undefined)?.[0] ?? "another";
    throw new AthanorError("ERR_ARGUMENT", `${task}: model must be one that generates, got ${came}`);
  }
  const prompts = examples.map(({ labels: _, ...prompt }) => prompt);
  const { sequences } = await model.generate(prompts, { seed, ...settings, signal });
  const each = sequences.length / examples.length;
  return examples.map((_, i) => sequences.slice(i * each, (i + 1) * each));
}

/**
 * Options that contradict each other or the model's are told while preparing, before a run's first step; where there are
 * none, a model's own are nobody's concern before it generates.
 */
export function checkGeneration(
  { generate, generationConfig = {} }: TrainableModel,
  settings: GenerationSettings,
): void {
  if (typeof generate !== "function" || Object.keys(settings).length === 0) return;
  resolveSettings(settings as GenerateOptions, generationConfig);
}

/** With what stop strings are found by. */
export function withTokenizer(settings: GenerationSettings, tokenizer: Tokenizer): GenerationSettings {
  return settings.stopStrings ? { tokenizer, ...settings } : settings;
}

/** What a task remembers of examples, so that predictions become text: only preparing knows the tokenizer. */
export class Texts {
  readonly #tokenizers = new WeakMap<Example, Tokenizer>();

  remember<T extends Example>(examples: T[], tokenizer: Tokenizer): T[] {
    for (const example of examples) this.#tokenizers.set(example, tokenizer);
    return examples;
  }

  /** The text of ids without special tokens. @throws ERR_ARGUMENT for examples of another task */
  of(task: string, example: Example, ids: Int32Array): string {
    return this.tokenizerOf(task, example).decode(ids, { skipSpecialTokens: true });
  }

  /** @throws ERR_ARGUMENT for examples of another task */
  tokenizerOf(task: string, example: Example): Tokenizer {
    const tokenizer = this.#tokenizers.get(example);
    if (tokenizer) return tokenizer;
    throw new AthanorError("ERR_ARGUMENT", `${task}: examples must be of this task's prepare(), got others`);
  }
}

/** The tokenizer. @throws ERR_ARGUMENT */
export function requireTokenizer(task: string, tokenizer: Tokenizer | undefined): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new AthanorError("ERR_ARGUMENT", `${task}: tokenizer must be given, got none`);
}

/** @throws ERR_ARGUMENT */
export function generationOption(task: string, settings: unknown): GenerationSettings {
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return { ...settings };
  throw optionFault(task, "generation", "an object", settings);
}
