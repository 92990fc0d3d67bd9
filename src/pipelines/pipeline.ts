// A model with its tokenizer as one function: inputs in, plain objects out, with the names that Transformers' pipelines
// give them.
import { AthanorError } from "../errors.js";
import { takeHubOptions } from "../hub/index.js";
import type { FromPretrainedOptions, Model } from "../models/index.js";
import type { LanguageOptions } from "../tasks/generation/languages.js";
import { AutoTokenizer, type Tokenizer } from "../tokenizers/index.js";
import { textClassificationKind, tokenClassificationKind } from "./classification.js";
import { summarizationKind, textGenerationKind, textToTextKind, translationKind } from "./generation.js";
import type { CallOptions, PipelineKind } from "./kind.js";
import { fillMaskKind, multipleChoiceKind, questionAnsweringKind } from "./questions.js";
import { featureExtractionKind, zeroShotKind } from "./representations.js";

const kinds = {
  "text-classification": textClassificationKind,
  "sentiment-analysis": textClassificationKind,
  "token-classification": tokenClassificationKind,
  ner: tokenClassificationKind,
  "zero-shot-classification": zeroShotKind,
  "feature-extraction": featureExtractionKind,
  "question-answering": questionAnsweringKind,
  "multiple-choice": multipleChoiceKind,
  "fill-mask": fillMaskKind,
  "text-generation": textGenerationKind,
  "text2text-generation": textToTextKind,
  translation: translationKind,
  summarization: summarizationKind,
};

/** What a pipeline does. */
export type PipelineTask = keyof typeof kinds;

type Parts<Task extends PipelineTask> =
  (typeof kinds)[Task] extends PipelineKind<infer Input, infer Options, infer Result>
    ? { input: Input; options: Options; result: Result }
    : never;

/** What may be the second argument of a call: the labels of zero-shot classification. */
type Second<Task extends PipelineTask> = Parts<Task>["options"] extends { candidateLabels: infer Labels }
  ? Labels
  : never;

/** A function for one input, or for a list of them, which are computed in batches without padding. */
export interface Pipeline<Task extends PipelineTask> {
  (input: Parts<Task>["input"], options?: Parts<Task>["options"]): Promise<Parts<Task>["result"]>;
  (
    inputs: readonly Parts<Task>["input"][],
    options?: Parts<Task>["options"],
  ): Promise<Parts<Task>["result"][]>;
  (
    input: Parts<Task>["input"],
    second: Second<Task>,
    options?: Partial<Parts<Task>["options"]>,
  ): Promise<Parts<Task>["result"]>;
  (
    inputs: readonly Parts<Task>["input"][],
    second: Second<Task>,
    options?: Partial<Parts<Task>["options"]>,
  ): Promise<Parts<Task>["result"][]>;
  readonly task: Task;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** Frees the model, where the pipeline has loaded it. */
  dispose(): void;
}

/** How the model is loaded, or a tokenizer for one that is. */
export interface PipelineOptions extends FromPretrainedOptions, LanguageOptions {
  /** Default: that of the model's folder. */
  tokenizer?: Tokenizer;
}

/**
 * A pipeline for a task, with a model of a folder or of the Hub, or one that is there already.
 *
 * `srcLang` and `tgtLang` are for translations with mBART's tokenizers, and count in calls that say nothing else.
 *
 * Rejects as `fromPretrained` does; with ERR_ARGUMENT for an unknown task, a model without tokenizer or of another kind,
 * and ERR_CHECKPOINT for a checkpoint without the head that the task needs, whose answers would be random.
 *
 * @example
 * const classify = await pipeline("text-classification", "./reviews-bert");
 * await classify("What a film!"); // { label: "positive", score: 0.98 }
 * await classify(["Good.", "Bad."], { topK: 2 });
 * const judge = await pipeline("zero-shot-classification", "./nli-model");
 * await judge("My card is gone.", ["lost card", "transfer"]); // { sequence, labels, scores }, the best label first
 */
export async function pipeline<Task extends PipelineTask>(
  task: Task,
  modelOrFolder: string | Model,
  options: PipelineOptions = {},
): Promise<Pipeline<Task>> {
  if (!Object.hasOwn(kinds, task)) {
    const known = Object.keys(kinds).join(", ");
    throw new AthanorError("ERR_ARGUMENT", `pipeline: task must be one of ${known}, got ${String(task)}`);
  }
  const kind = kinds[task] as unknown as PipelineKind<unknown, CallOptions, unknown>;
  const { lasting, rest } = lastingOptions(task, kind, options);
  const { model, tokenizer, owned } = await partsOf(task, kind, modelOrFolder, lasting, rest);
  const call = async (input: unknown, ...others: unknown[]) => {
    const callOptions = { ...lasting, ...onlyGiven(optionsOf(task, kind, others)) };
    const list = Array.isArray(input);
    if (list && input.length === 0) return [];
    const found = await kind.run({ model, tokenizer }, list ? input : [input], callOptions);
    return list ? found : found[0];
  };
  const dispose = () => {
    if (owned) model.dispose();
  };
  return Object.assign(call, { task, model, tokenizer, dispose }) as unknown as Pipeline<Task>;
}

/** Options of every call apart from those of loading. @throws ERR_ARGUMENT for a task that has no such options */
function lastingOptions(
  task: PipelineTask,
  kind: PipelineKind<unknown, CallOptions, unknown>,
  options: PipelineOptions,
): { lasting: CallOptions; rest: PipelineOptions } {
  const { srcLang, tgtLang, ...rest } = options;
  const lasting: LanguageOptions = onlyGiven({ srcLang, tgtLang });
  const wrong = Object.keys(lasting).find((name) => !kind.lasting?.includes(name));
  if (wrong === undefined) return { lasting: lasting as CallOptions, rest };
  throw new AthanorError(
    "ERR_ARGUMENT",
    `pipeline ${task}: ${wrong} must be left out, it is for translation`,
  );
}

function onlyGiven<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Options alone, or after what the kind takes as the second argument. @throws ERR_ARGUMENT */
function optionsOf(
  task: PipelineTask,
  { second }: PipelineKind<unknown, CallOptions, unknown>,
  [first = {}, options]: readonly unknown[],
): CallOptions {
  if (typeof first === "object" && first !== null && !Array.isArray(first)) return first as CallOptions;
  if (second !== undefined) return { ...(options as CallOptions), [second]: first };
  const came = first === null ? "null" : Array.isArray(first) ? "a list" : typeof first;
  throw new AthanorError("ERR_ARGUMENT", `pipeline ${task}: options must be an object, got ${came}`);
}

async function partsOf(
  task: PipelineTask,
  kind: PipelineKind<unknown, CallOptions, unknown>,
  modelOrFolder: string | Model,
  lasting: CallOptions,
  { tokenizer, ...options }: PipelineOptions,
): Promise<{ model: Model; tokenizer: Tokenizer; owned: boolean }> {
  if (typeof modelOrFolder !== "string") {
    if (!modelOrFolder)
      throw new AthanorError("ERR_ARGUMENT", "pipeline: needs a model or a folder, got neither");
    if (!tokenizer)
      throw new AthanorError("ERR_ARGUMENT", "pipeline: tokenizer must be given beside a model, got none");
    kind.check?.({ model: modelOrFolder, tokenizer }, lasting);
    return { model: modelOrFolder, tokenizer, owned: false };
  }
  const model = await kind.auto.fromPretrained(modelOrFolder, options);
  try {
    const missing = model.loadReport.missing.filter((name) => !kind.unused?.test(name));
    if (missing.length > 0) {
      throw new AthanorError(
        "ERR_CHECKPOINT",
        `${modelOrFolder}: must be a model for ${task}, got one without ${missing.join(", ")}`,
      );
    }
    const own =
      tokenizer ??
      (await AutoTokenizer.fromPretrained(modelOrFolder, takeHubOptions("pipeline", options).hub));
    kind.check?.({ model, tokenizer: own }, lasting);
    return { model, tokenizer: own, owned: true };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
