// What the Trainer needs of a model and of a task; both are structural, so that users can bring their own.
import { AthanorError } from "../errors.js";
import type { Batch, Example } from "../models/batch.js";
import type { CheckpointTensor } from "../models/checkpoint-files.js";
import type { LossOptions } from "../models/loss-options.js";
import type { Generator } from "../tensor/random.js";
import type { Random } from "../tensor/random-stream.js";
import { Tensor } from "../tensor/tensor.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

/** What a model's forward gives: a loss where the batch has labels, and other outputs by name. */
export interface TrainableOutput {
  loss?: Tensor;
}

/** The part of a Model that training uses. */
export interface TrainableModel {
  readonly config: Record<string, unknown>;
  readonly training: boolean;
  /** Where it computes: "cpu", "cuda:0", ... */
  readonly device?: string;
  /** Whether labels are a target that a decoder reads, whose tokens `tokensPerBatch` counts too. */
  readonly isEncoderDecoder?: boolean;
  /** The most tokens of a sequence. */
  readonly maxLength?: number;
  /** Seed and calls of the model's dropout. */
  generator: Generator;
  train(): unknown;
  eval(): unknown;
  parameters(): Map<string, Tensor>;
  collate(examples: readonly Example[]): Batch;
  forward(batch: Batch): TrainableOutput;
  /** @param options withAdapter: what is trained, an adapter's parameters included */
  savePretrained(folder: string, options?: { withAdapter?: boolean }): Promise<void>;
  /** Computes in bf16 beside f32 weights, for `precision: "bf16"`; a model without it trains in f32 only. */
  mixedPrecision?(on: boolean): void;
  /** Computes layers again in backward, for `gradientCheckpointing`; a model without it keeps them. */
  gradientCheckpointing?: boolean;
  /** Continues prompts, or answers sources, token by token; for tasks that respond. */
  generate?(examples: readonly Example[], options: object): Promise<{ sequences: Int32Array[] }>;
  /** What generate() does where a call says nothing. */
  generationConfig?: object;
  /** Label smoothing and weights of classes; a model without it has a loss of its own. */
  setLoss?(options: LossOptions): unknown;
  /** What a checkpoint holds, where that is not parameters(); refreshWeights() is called after changes. */
  weights?(): Map<string, Tensor>;
  refreshWeights?(): void;
  /** Where the weights lie in a folder that savePretrained() wrote, where that is not model.safetensors alone. */
  storedWeights?(folder: string): Promise<Map<string, CheckpointTensor>>;
}

/** A row of a data set: columns by name. */
export type DataRow = object;

export interface PrepareContext {
  model: TrainableModel;
  tokenizer?: Tokenizer;
  /** "required" while training and evaluating, "none" when predicting. */
  labels: "required" | "none";
  /** What the examples are for, where a task makes others to train on than to evaluate with. */
  purpose?: "train" | "evaluate" | "predict";
  /**
   * Lets the event loop have its turn, and stops when the run was aborted; await it between pieces of work.
   */
  rest(): Promise<void>;
}

/** One output of a batch, in JavaScript's memory. */
export interface OutputValues {
  data: Float32Array;
  shape: number[];
}

/**
 * A task: columns in -> examples, and outputs -> predictions -> results -> metrics. Predictions belong to examples,
 * results to rows (or to what `join` makes of them).
 */
export interface Task<Prediction = unknown, Result = Prediction> {
  readonly name: string;
  /**
   * Which outputs of the model `predict` wants; default ["logits"]. Of an entry that is a list, the first that the
   * model gives.
   */
  readonly outputs?: readonly (string | readonly string[])[];
  /**
   * Turns rows into examples, in their order; awaits `rest()` at least every few milliseconds. There may be more
   * or fewer examples than rows (windows, grouped text): an example's `row` then says where it came from.
   */
  prepare(rows: readonly DataRow[], context: PrepareContext): Promise<Example[]>;
  /**
   * What a batch with labels sees of its examples, as many and as long as they are: dynamic masks. While training
   * `random` depends on seed, epoch, step and batch alone, so a resumed run sees the same; while evaluating on the
   * seed and the examples' places alone, so every evaluation does. Not called when predicting. Default: the examples as they are.
   */
  vary?(examples: readonly Example[], random: Random): Example[];
  /** The predictions of one batch, one per example. */
  predict(
    outputs: Record<string, OutputValues>,
    examples: readonly Example[],
    model: TrainableModel,
  ): Prediction[];
  /**
   * The predictions of one batch where one forward pass does not give them: generated text. One per example, in place of
   * `predict`. The model is in the mode that it was; `generate` computes without dropout in any. Rejects with
   * ERR_ABORTED when the signal says so.
   */
  respond?(
    examples: readonly Example[],
    model: TrainableModel,
    context: { signal?: AbortSignal; seed: number },
  ): Promise<Prediction[]>;
  /** Joins the predictions for examples into results, mostly one per row; default: as they are. */
  join?(
    predictions: readonly Prediction[],
    examples: readonly Example[],
    rows: readonly DataRow[],
    model: TrainableModel,
  ): Result[];
  /**
   * The names that `metrics` may give for a model, so that a wrong one is found before training. Default: they are
   * known when metrics are computed.
   */
  metricNames?(model: TrainableModel): readonly string[];
  /** Metrics over a whole data set with labels; `loss` is its mean per label. */
  metrics(
    results: readonly Result[],
    examples: readonly Example[],
    model: TrainableModel,
    rows: readonly DataRow[],
    loss?: number,
  ): Record<string, number>;
}

/** Runs `work` in evaluation mode: for it alone, as a run under way may train the model right after. */
export function evaluating<T>(model: Pick<TrainableModel, "training" | "train" | "eval">, work: () => T): T {
  const { training } = model;
  model.eval();
  try {
    return work();
  } finally {
    if (training) model.train();
  }
}

/** The ids of an example, as `inputIds` or as an Encoding spells them. */
export function idsOf(example: Example): ArrayLike<number> {
  return example.inputIds ?? example.ids ?? [];
}

/** How many tokens an example has, choices together. */
export function tokenCount(example: Example): number {
  if (example.choices) return example.choices.reduce((sum, choice) => sum + tokenCount(choice), 0);
  return idsOf(example).length;
}

/** The same with the target that a decoder reads beside it: what a batch has to hold. */
export function tokenCountOf(
  example: Example,
  { isEncoderDecoder = false }: Pick<TrainableModel, "isEncoderDecoder">,
): number {
  const target = isEncoderDecoder ? (example.decoderInputIds ?? example.labels) : undefined;
  return tokenCount(example) + (typeof target === "number" ? 0 : (target?.length ?? 0));
}

/** Takes the loss out of an output and frees the rest. @throws ERR_ARGUMENT when there is none */
export function requireLoss(output: TrainableOutput): Tensor {
  const { loss, ...others } = output;
  disposeOutput(others);
  if (loss) return loss;
  throw new AthanorError(
    "ERR_ARGUMENT",
    "Trainer: model must give a loss for its examples, got none: no labels",
  );
}

/** Frees all tensors of an output, lists of them too. */
export function disposeOutput(output: unknown): void {
  if (output instanceof Tensor) output.dispose();
  else if (typeof output === "object" && output !== null)
    for (const part of Object.values(output)) disposeOutput(part);
}
