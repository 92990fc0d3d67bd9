// A model: configuration, named parameters on a queue of their own, and a forward over ragged batches. Long because it
// has all that is called on a model, in methods of a few lines.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import { generationConfigFile, generationConfigText } from "../generation/config-file.js";
import {
  type GenerationExample,
  type GenerationResult,
  generate,
  type StreamedToken,
  stream,
} from "../generation/generate.js";
import type { GenerateOptions, GenerationConfig } from "../generation/options.js";
import { type Priority, priorities } from "../native/contract.js";
import { getEngine } from "../native/load.js";
import { type CacheOptions, KeyValueCache } from "../nn/key-value-cache.js";
import type { ParameterStore, WeightType } from "../nn/parameter.js";
import { cast } from "../tensor/ops/shape.js";
import { Generator, withGenerator } from "../tensor/random.js";
import { noGrad, scope, untracked } from "../tensor/scope.js";
import type { Device, Tensor } from "../tensor/tensor.js";
import type { Adapter } from "./adapters/adapter.js";
import { writeFileAtomic } from "./atomic-file.js";
import { type Batch, type BatchLabels, collateTokens, type Example } from "./batch.js";
import { labelCount, type ModelConfig } from "./config.js";
import type { CachedDecoder, Encoder, EncoderOutputs, ForwardOptions } from "./encoder.js";
import type { EncoderSizes } from "./encoder-sizes.js";
import type { Head } from "./head.js";
import { type ParameterChoice, requireGradients } from "./layers-by-name.js";
import { HeadLoss, type LossOptions } from "./loss-options.js";
import { generativeModel } from "./next-tokens.js";
import { writeSafetensors } from "./safetensors.js";

/** What a checkpoint did not have, had too much of, or had in another shape. */
export interface LoadReport {
  /** Parameters that the checkpoint lacks: freshly initialised. */
  missing: string[];
  /** Tensors of the checkpoint that the model has no place for. */
  unexpected: string[];
  /** Parameters whose shapes differ: freshly initialised, only with ignoreMismatchedSizes. */
  mismatched: { name: string; needed: number[]; found: number[] }[];
}

export interface ModelOutput {
  loss?: Tensor;
  logits: Tensor;
  lastHiddenState: Tensor;
  poolerOutput: Tensor;
  startLogits: Tensor;
  endLogits: Tensor;
  predictionLogits: Tensor;
  seqRelationshipLogits: Tensor;
  sopLogits: Tensor;
  hiddenStates?: Tensor[];
  attentions?: Tensor[][];
  /** Encoder-decoders: (S, C) */
  encoderLastHiddenState: Tensor;
  encoderHiddenStates?: Tensor[];
  decoderHiddenStates?: Tensor[];
  encoderAttentions?: Tensor[][];
  decoderAttentions?: Tensor[][];
  /** Per layer, one (H, L, S) tensor per sequence. */
  crossAttentions?: Tensor[][];
}

export interface ModelParts {
  config: ModelConfig;
  /** As `architectures` of config.json names it: BertForSequenceClassification. */
  architecture: string;
  store: ParameterStore;
  encoder: Encoder;
  head: Head;
  /** Names of what the head declared. */
  headParameters?: readonly string[];
  /** The parts of the same model by another config. */
  rebuild?: (config: ModelConfig) => ModelParts;
}

export interface SaveOptions {
  /** bf16 is rounded to nearest even; default as the weights are, which is f32 while training in mixed precision. */
  dtype?: "f32" | "bf16";
  /** Writes an adapter's parameters beside the model's, as in a run's checkpoints; default false. */
  withAdapter?: boolean;
}

/** The bits of bf16 values that were widened. */
function upperHalves(values: Float32Array): Uint16Array {
  return Uint16Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length), (b) => b >>> 16);
}

/**
 * Made by the Auto classes. `forward` runs on the model's own queue: with priority "high" a request does not wait
 * for another model's training step.
 */
export class Model {
  readonly config: ModelConfig;
  readonly architecture: string;
  /** Dropout takes its masks from here; a checkpoint stores seed and calls. */
  generator: Generator;
  training = false;
  /** How the weights of products are stored; only "f32" can be trained. */
  dtype: WeightType = "f32";
  loadReport: LoadReport = { missing: [], unexpected: [], mismatched: [] };
  /**
   * While training, backward computes each layer again from its input instead of keeping what is in it: less memory
   * for a third more work, and the same bits.
   */
  gradientCheckpointing = false;
  /** LoRA or adapters, while they are attached. */
  adapter?: Adapter;
  /** @internal */
  readonly parts: ModelParts;
  /** What `generate` does where a call says nothing: generation_config.json in camelCase. */
  generationConfig: GenerationConfig = {};
  readonly #store: ParameterStore;
  readonly #encoder: Encoder;
  readonly #head: Head;
  #parameters: Map<string, Tensor> | undefined;
  #device: string;
  #queue: number;
  readonly #priority: number;
  #mixed = false;
  #loss: HeadLoss;
  #disposed = false;

  /** @internal Use an Auto class. */
  constructor(
    parts: ModelParts,
    options: LossOptions & { device?: Device; priority?: Priority; seed?: number },
  ) {
    const { native } = getEngine();
    const priority = priorities.indexOf(options.priority ?? "normal");
    if (priority < 0) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `priority must be one of ${priorities.join(", ")}, got ${options.priority}`,
      );
    }
    this.config = { ...parts.config, architectures: [parts.architecture] };
    this.architecture = parts.architecture;
    this.parts = parts;
    this.#store = parts.store;
    this.#encoder = parts.encoder;
    this.#head = parts.head;
    this.generator = new Generator(options.seed ?? 0);
    this.#device = native.checkDevice(options.device ?? "auto");
    this.#priority = priority;
    this.#queue = native.createQueue(this.#device, priority);
    this.#store.materialize(this.#device, this.#queue);
    const { labelSmoothing, classWeights, posWeight } = options;
    this.#loss = this.#makeLoss({ labelSmoothing, classWeights, posWeight });
  }

  /** Where the parameters are: "cpu", "cuda:0", ... */
  get device(): string {
    return this.#device;
  }

  /** @internal queue of the parameters */
  get queue(): number {
    return this.#queue;
  }

  /** @internal */
  get store(): ParameterStore {
    return this.#store;
  }

  /** @internal As they were set last. */
  get lossOptions(): LossOptions {
    return this.#loss.options;
  }

  /** @internal Width, layers and the like of the encoder. */
  get sizes(): EncoderSizes {
    return this.#encoder.sizes;
  }

  /** Whether examples have a source, and a target that a decoder reads. */
  get isEncoderDecoder(): boolean {
    return this.#encoder.decoder?.encode !== undefined;
  }

  /** The most tokens that a sequence may have. */
  get maxLength(): number {
    return this.#encoder.positions;
  }

  /** @throws ERR_DTYPE for a model whose weights are in fewer bits */
  train(): this {
    if (this.dtype !== "f32") {
      throw new AthanorError(
        "ERR_DTYPE",
        `train: needs weights in f32, got ${this.dtype}: load the model without dtype to train it`,
      );
    }
    this.training = true;
    return this;
  }

  /** @internal Stores weights in fewer bits, for good: on a GPU "bf16" means all of them, and activations. */
  reduce(type: Exclude<WeightType, "f32">): void {
    if (type === "bf16" && this.device !== "cpu") this.#store.toBf16(false);
    else {
      this.#store.reduce(type);
      this.#head.vocabulary?.reduce(type);
    }
    this.dtype = type;
    this.#parameters = undefined;
  }

  /**
   * @internal Computes in bf16 while the f32 weights stay beside as what optimizers change; off: back to them.
   * parameters() gives other tensors afterwards.
   *
   * @throws ERR_DEVICE on the CPU
   */
  mixedPrecision(on: boolean): void {
    if (on === this.#mixed) return;
    if (on && this.device === "cpu") {
      throw new AthanorError("ERR_DEVICE", "precision bf16 needs a model on a GPU, got one on the CPU");
    }
    if (on) this.#store.toBf16(true);
    else this.#store.toMasters();
    this.#mixed = on;
    this.#parameters = undefined;
  }

  /** @internal The f32 weights, also while training in mixed precision; without an adapter that is merged into them. */
  weights(): Map<string, Tensor> {
    this.#requireLive("weights");
    const values = this.#store.values();
    if (this.adapter?.merged) for (const name of this.adapter.names) values.delete(name);
    return values;
  }

  /** @internal Parameters were declared or removed. */
  declared(): void {
    this.#requireLive("declared");
    this.#store.materialize(this.#device, this.#queue);
    this.#parameters = undefined;
  }

  /** @internal After weights() were changed. */
  refreshWeights(): void {
    this.#store.refresh();
  }

  /**
   * Label smoothing and weights of classes for the loss, instead of those that were set before.
   *
   * @throws ERR_ARGUMENT for an option that this head's loss does not have
   */
  setLoss(options: LossOptions): this {
    this.#requireLive("setLoss");
    const loss = this.#makeLoss(options);
    this.#loss.dispose();
    this.#loss = loss;
    return this;
  }

  #makeLoss(options: LossOptions): HeadLoss {
    const known = this.#head.lossOptions ?? [];
    return new HeadLoss(options, { known, classes: labelCount(this.config), device: this.#device });
  }

  eval(): this {
    this.training = false;
    return this;
  }

  /** All parameters under the names that Transformers saves; tied ones once. */
  parameters(): Map<string, Tensor> {
    this.#requireLive("parameters");
    this.#parameters ??= this.#store.tensors();
    return this.#parameters;
  }

  /**
   * Stops training parameters: those whose names match, or layers: `{ layers: 6, embeddings: true }` are the lowest six
   * and the embeddings, `{ layers: [0, 11] }` the first and the last of twelve.
   *
   * @throws ERR_ARGUMENT where nothing is chosen, or a layer that there is not
   */
  freeze(choice: ParameterChoice): this {
    requireGradients("freeze", this.parameters(), choice, false);
    return this;
  }

  /** Trains parameters again. @throws ERR_ARGUMENT as freeze(); ERR_DTYPE for weights in fewer bits */
  unfreeze(choice: ParameterChoice): this {
    if (this.dtype !== "f32")
      throw new AthanorError("ERR_DTYPE", `unfreeze: needs weights in f32, got ${this.dtype}`);
    requireGradients("unfreeze", this.parameters(), choice, true);
    return this;
  }

  /**
   * Lays examples of any mix of lengths one after another, with the labels that this model's head needs.
   *
   * @throws ERR_ARGUMENT naming the example and what it lacks
   */
  collate(examples: readonly Example[]): Batch {
    this.#requireLive("collate");
    if (!Array.isArray(examples) || examples.length === 0) {
      throw new AthanorError("ERR_ARGUMENT", "collate: needs at least one example, got none");
    }
    const labels = this.#weighted(this.#head.collate(examples, this.device), examples);
    const rows = examples.some((example) => example.choices)
      ? examples.flatMap((example, b) => {
          if (!example.choices?.length) {
            throw new AthanorError("ERR_ARGUMENT", `collate: example ${b} needs choices, others have them`);
          }
          return example.choices;
        })
      : examples;
    const { positions, firstPosition, uncountedToken, words, inputVocabulary } = this.#encoder;
    const vocabulary = inputVocabulary ?? words.shape[0];
    const limits = { positions, vocabulary, firstPosition, uncountedToken, device: this.device };
    return collateTokens(rows, limits, labels);
  }

  /** With class weights a mean loss counts labels by their weights. */
  #weighted(labels: BatchLabels, examples: readonly Example[]): BatchLabels {
    if (labels.lossCount === 0 || !this.#loss.options.classWeights) return labels;
    const values = examples.flatMap(({ labels: own = [] }) =>
      typeof own === "number" ? own : Array.from(own),
    );
    return { ...labels, lossCount: this.#loss.weightOf(values) ?? labels.lossCount };
  }

  /**
   * Logits and, when the batch has labels, the loss. Everything else that is made inside is freed.
   *
   * The language-model heads project only labelled rows to the vocabulary for the loss. With labels, their logits
   * (T, V) are made from `lastHiddenState` when `output.logits` is first read, while that is not disposed of.
   *
   * @returns token-level outputs have T rows in batch order
   */
  forward(batch: Batch, options?: ForwardOptions): ModelOutput;
  /** With a cache the new tokens are all that is read of a batch. */
  forward(batch: Pick<Batch, "inputIds">, options: ForwardOptions & { cache: KeyValueCache }): ModelOutput;
  forward(given: Pick<Batch, "inputIds">, options: ForwardOptions = {}): ModelOutput {
    this.#requireLive("forward");
    if (options.cache) return this.#decode(given.inputIds, options.cache, options.encoderOutputs);
    const batch = given as Batch;
    return scope(() =>
      withGenerator(this.generator, () => {
        const recompute = this.gradientCheckpointing && this.training;
        const all = options.hiddenStates || this.#head.hiddenStates;
        const encoded = this.#encoder.forward(batch, this.training, {
          ...options,
          hiddenStates: all,
          recompute,
        });
        const { attentions } = encoded;
        const hiddenStates = options.hiddenStates ? encoded.hiddenStates : undefined;
        // Assigned, not spread: an output may have properties that are made when they are read.
        const output: object = this.#head.forward(encoded, batch, this.training, this.#loss);
        return Object.assign(output, { hiddenStates, attentions, ...encoded.others });
      }),
    ) as ModelOutput;
  }

  #decode(
    inputIds: Tensor,
    cache: KeyValueCache,
    encoderOutputs?: ForwardOptions["encoderOutputs"],
  ): ModelOutput {
    const decoder = this.#requireDecoder("forward with a cache");
    return scope(() => {
      if (encoderOutputs) decoder.keepMemory?.(cache, encoderOutputs.lastHiddenState);
      const hidden = cache.lastTokens(decoder.decode(inputIds, cache));
      return { lastHiddenState: hidden, logits: this.#head.vocabulary?.logits(hidden) } as ModelOutput;
    });
  }

  /** The most tokens that a target (of a decoder alone: prompt and continuation) may have. */
  get maxTargetLength(): number {
    return this.#requireDecoder("maxTargetLength").positions;
  }

  /**
   * A cache of this model's shape, on its device and queue, for `forward(batch, { cache })`; free it with `dispose()`.
   *
   * @throws ERR_ARGUMENT for a model that does not generate
   */
  createCache(options: Pick<CacheOptions, "rows" | "maxRows"> = {}): KeyValueCache {
    const { layers, width } = this.#requireDecoder("createCache");
    const dtype = this.dtype === "bf16" && this.#device !== "cpu" ? "bf16" : "f32";
    return new KeyValueCache({ ...options, layers, width, device: this.#device, queue: this.#queue, dtype });
  }

  /**
   * Encoder-decoders: what the encoder makes of the batch's sources, for `forward(batch, { encoderOutputs })`.
   *
   * @throws ERR_ARGUMENT for other models
   */
  encode(batch: Batch): EncoderOutputs {
    const { encode } = this.#requireDecoder("encode");
    if (!encode)
      throw new AthanorError("ERR_ARGUMENT", "encode: needs a model with an encoder and a decoder");
    const { decoder } = this.#encoder;
    const run = () => encode.call(decoder, batch, this.training);
    const lastHiddenState = scope(() => withGenerator(this.generator, run));
    const lengths = Array.from({ length: batch.size }, (_, b) => batch.bounds[b + 1] - batch.bounds[b]);
    return { lastHiddenState, offsets: batch.offsets, lengths };
  }

  /**
   * Continues prompts, or writes what follows from sources: greedy search, sampling, beam search or beam sampling, by
   * the options. Sources of any mix of lengths decode together and leave as they finish; what one gives does not depend
   * on the others. Without gradients and dropout.
   *
   * @throws ERR_ARGUMENT for examples without tokens or longer than the model's positions, for options that contradict
   *   each other, and where they forbid every token; ERR_ABORTED by the signal. Memory is freed in any case.
   * @example
   * const { sequences } = await model.generate([tokenizer.encode("Once upon")], { maxNewTokens: 20, numBeams: 4 });
   * console.log(tokenizer.decode(sequences[0], { skipSpecialTokens: true }));
   */
  async generate(
    examples: readonly GenerationExample[],
    options: GenerateOptions = {},
  ): Promise<GenerationResult> {
    return generate(this.#generative("generate"), examples, options);
  }

  /**
   * One sequence token by token, greedy or sampled; leaving the loop ends the work.
   *
   * @throws as generate; ERR_ARGUMENT for beams and for more than one sequence
   * @example
   * for await (const { token } of model.stream(tokenizer.encode("Once upon"), { maxNewTokens: 20 })) console.log(token);
   */
  async *stream(example: GenerationExample, options: GenerateOptions = {}): AsyncGenerator<StreamedToken> {
    yield* stream(this.#generative("stream"), example, options);
  }

  #generative(method: string) {
    this.#requireDecoder(method);
    const { isEncoderDecoder } = this;
    const vocabulary = this.#encoder.words.shape[0];
    const { inputVocabulary = vocabulary } = this.#encoder;
    return generativeModel(this, { vocabulary, inputVocabulary, isEncoderDecoder });
  }

  #requireDecoder(method: string): CachedDecoder {
    this.#requireLive(method);
    const { decoder } = this.#encoder;
    if (decoder && this.#head.vocabulary) return decoder;
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${method}: needs a model that generates (AutoModelForCausalLM, AutoModelForSeq2SeqLM), got ${this.architecture}`,
    );
  }

  /**
   * Writes config.json, model.safetensors and, where the model generates, generation_config.json, which Transformers
   * loads as they are. Files are replaced only when
   * the new ones are complete.
   *
   * @throws ERR_DTYPE for weights in int8, which Transformers could not load; ERR_ARGUMENT with an adapter that is not
   * merged, which nobody would load from there
   */
  async savePretrained(folder: string, options: SaveOptions = {}): Promise<void> {
    if (!options.withAdapter) this.adapter?.requireMerged("savePretrained");
    const parameters = this.weights();
    const { dtype } = options;
    if (dtype !== undefined && dtype !== "f32" && dtype !== "bf16") {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `savePretrained: dtype must be f32 or bf16, got ${String(dtype)}`,
      );
    }
    if (this.dtype === "int8") {
      throw new AthanorError("ERR_DTYPE", "savePretrained: needs weights in f32 or bf16, got int8");
    }
    try {
      await mkdir(folder, { recursive: true });
    } catch (cause) {
      throw new AthanorError("ERR_CHECKPOINT", `${folder}: must be a folder that can be written`, { cause });
    }
    for (const [file, tensors] of this.weightFiles(parameters)) {
      await writeSafetensors(
        join(folder, file),
        [...tensors].map(([name, t]) => ({
          name,
          dtype: (dtype ?? t.dtype) === "bf16" ? ("BF16" as const) : ("F32" as const),
          shape: t.shape,
          data: async () => {
            if ((dtype ?? t.dtype) !== "bf16") return (await t.data()) as Float32Array;
            const rounded = t.dtype === "bf16" ? t : untracked(() => noGrad(() => cast(t, "bf16")));
            const values = (await rounded.data()) as Float32Array;
            if (rounded !== t) rounded.dispose();
            return upperHalves(values);
          },
        })),
      );
    }
    await writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(this.config, null, 2)}\n`);
    if (this.#encoder.decoder) {
      const file = join(folder, generationConfigFile);
      await writeFileAtomic(file, generationConfigText(this.generationConfig));
    }
  }

  /** Which weights savePretrained() puts into which file, under which names. */
  protected weightFiles(weights: Map<string, Tensor>): [file: string, tensors: Map<string, Tensor>][] {
    return [["model.safetensors", weights]];
  }

  /**
   * Moves this model to another device. Tensors from parameters() and gradients of before are gone: make
   * optimizers afterwards.
   */
  to(device: Device): this {
    this.#requireLive("to");
    const { native } = getEngine();
    const target = native.checkDevice(device);
    if (target === this.#device) return this;
    const queue = native.createQueue(target, this.#priority);
    this.#store.move(target, queue);
    native.removeQueue(this.#queue);
    this.#queue = queue;
    this.#device = target;
    this.#parameters = undefined;
    if (this.dtype !== "f32") this.#head.vocabulary?.reduce(this.dtype);
    return this.setLoss(this.#loss.options);
  }

  /** Frees all parameters; what is queued still runs. Twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.adapter?.release();
    this.#store.dispose();
    this.#head.vocabulary?.dispose();
    this.#loss.dispose();
    getEngine().native.removeQueue(this.queue);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireLive(method: string): void {
    if (this.#disposed) throw new AthanorError("ERR_DISPOSED", `${method}: the model was disposed`);
  }
}
