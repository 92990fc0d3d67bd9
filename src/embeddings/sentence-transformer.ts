// Sentence embeddings (Reimers & Gurevych 2019, arXiv:1908.10084): an encoder, pooling, and what stands behind it, loaded
// and saved in the layout of Sentence-Transformers.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type HubOptions, pretrainedFolder, takeHubOptions } from "../hub/index.js";
import type { FromConfigOptions, FromPretrainedOptions } from "../models/auto.js";
import { Batch } from "../models/batch.js";
import { type CheckpointTensor, resolveCheckpoint } from "../models/checkpoint-files.js";
import { type ModelConfig, plainConfig, readConfig } from "../models/config.js";
import type { EncoderOutputs, ForwardOptions } from "../models/encoder.js";
import { modelParts } from "../models/families.js";
import { checkedDtype, initialize, loadModel } from "../models/load-model.js";
import { Model, type ModelOutput, type ModelParts, type SaveOptions } from "../models/model.js";
import type { Tensor } from "../tensor/tensor.js";
import { AutoTokenizer } from "../tokenizers/auto.js";
import { VOCABULARY_FILES } from "../tokenizers/hub-files.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { SentenceLoss } from "./losses.js";
import {
  type FreshModules,
  freshModules,
  makeModuleFolders,
  readSentenceModules,
  SENTENCE_FILES,
  type SentenceModules,
  writeSentenceModules,
} from "./sentence-files.js";
import { type SentenceExample, SentenceHead } from "./sentence-head.js";
import { type SimilarityFunction, similarityFunctions, similarityOf } from "./similarity.js";
import { checkTexts, encodeTexts, fault, rowsOf, runExamples, type TextOptions } from "./text-batches.js";

const WHO = "SentenceTransformer";

/** Pooling and what follows it count only where the folder has no modules.json. */
export interface SentenceConfigOptions extends FromConfigOptions, FreshModules {
  tokenizer?: Tokenizer;
}

export interface SentenceLoadOptions extends FromPretrainedOptions, FreshModules {
  /** Default: the folder's own. */
  tokenizer?: Tokenizer;
}

export interface SentenceEncodeOptions extends TextOptions {
  /** Scales embeddings to length one; default as the model's modules do. */
  normalizeEmbeddings?: boolean;
  /** A text before each sentence. */
  prompt?: string;
  /** One of the model's `prompts`, by name; default `defaultPromptName`. */
  promptName?: string;
}

export interface SentenceOutput extends ModelOutput {
  /** (S, D) */
  sentenceEmbedding: Tensor;
}

interface SentenceParts extends ModelParts {
  head: SentenceHead;
}

/**
 * Sentences in, vectors out. A Model in every other respect: the Trainer trains it, with the loss that useLoss() set or
 * the sentenceEmbeddings() task chose.
 *
 * @example
 * const model = await SentenceTransformer.fromPretrained("./all-MiniLM-L6-v2");
 * const [a, b] = await model.encode(["It rains.", "Rain falls."]); // Float32Arrays
 * const [[alike]] = model.similarity([a], [b]);
 */
export class SentenceTransformer extends Model {
  /** What encode() uses, and savePretrained() saves. */
  tokenizer: Tokenizer | undefined;
  readonly modules: SentenceModules;
  /** The most tokens of a sentence, `max_seq_length`; unset: what tokenizer and model take. */
  maxSeqLength: number | undefined;
  readonly #head: SentenceHead;

  /** @internal Use fromPretrained() or fromConfig(). */
  constructor(parts: SentenceParts, options: SentenceConfigOptions) {
    super(parts, options);
    this.#head = parts.head;
    this.modules = parts.head.modules;
    this.tokenizer = options.tokenizer;
    const { max_seq_length: most } = this.modules.transformer.config;
    if (typeof most === "number") this.maxSeqLength = most;
  }

  /**
   * Loads a folder of Sentence-Transformers or a repository of the Hub; one without modules.json is a plain encoder, and
   * gets mean pooling or what the options say.
   *
   * @throws ERR_CHECKPOINT for modules other than Transformer, Pooling, Dense and Normalize and for files that do not
   *   fit each other; ERR_HUB, ERR_ABORTED, ERR_ARGUMENT, ERR_TOKENIZER
   */
  static async fromPretrained(name: string, options: SentenceLoadOptions = {}): Promise<SentenceTransformer> {
    if (typeof name !== "string") throw fault(WHO, "folder must be a string", typeof name);
    const { hub } = takeHubOptions(WHO, options);
    checkedDtype(options);
    const folder = await pretrainedFolder(WHO, name, SENTENCE_FILES, hub);
    const configOf = async (path: string): Promise<ModelConfig> => ({
      ...(await readConfig(path)),
      ...plainConfig(options.config ?? {}, `${WHO}: config`),
    });
    const widthOf = async (path: string) =>
      modelParts(await configOf(path), "Model").parts.encoder.sizes.hidden;
    const stored = await readSentenceModules(folder, widthOf);
    const encoderFolder = join(folder, stored?.transformer.path ?? "");
    const modules = stored ?? freshModules(await widthOf(folder), options);
    const { parts, rules } = sentenceParts(await configOf(encoderFolder), () => modules);
    const found = stored
      ? await storedWeights(folder, stored, encoderFolder)
      : await resolveCheckpoint(folder);
    const tokenizer = options.tokenizer ?? (await ownTokenizer(name, encoderFolder, modules, hub));
    const make = () => new SentenceTransformer(parts, { ...options, tokenizer });
    return await loadModel({ folder, parts, rules, found }, options, make);
  }

  /** Fresh weights. @throws ERR_ARGUMENT, ERR_CHECKPOINT for a config that makes no sense */
  static async fromConfig(
    config: ModelConfig,
    options: SentenceConfigOptions = {},
  ): Promise<SentenceTransformer> {
    const plain = plainConfig(config, `${WHO}: config`);
    const { parts } = sentenceParts(plain, (width) => freshModules(width, options));
    const model = new SentenceTransformer(parts, options);
    initialize(model, () => true, options.seed);
    return model;
  }

  /** Numbers of one embedding. */
  get dimension(): number {
    const dense = this.modules.further.findLast((module) => module.kind === "dense");
    return dense?.outFeatures ?? this.sizes.hidden * this.modules.pooling.modes.length;
  }

  override get maxLength(): number {
    return Math.min(super.maxLength, this.maxSeqLength ?? Number.POSITIVE_INFINITY);
  }

  /** Texts that stand before sentences, by name. */
  get prompts(): Record<string, string> {
    return (this.modules.settings.prompts ?? {}) as Record<string, string>;
  }

  get defaultPromptName(): string | undefined {
    return (this.modules.settings.default_prompt_name ?? undefined) as string | undefined;
  }

  /** `similarity_fn_name`. */
  get similarityFunction(): SimilarityFunction {
    const name = this.modules.settings.similarity_fn_name ?? "cosine";
    return similarityFunctions.find((known) => known === name) ?? "cosine";
  }

  /** What examples of several sentences are trained by, from now on. */
  useLoss(loss: SentenceLoss): this {
    this.#head.loss = loss;
    return this;
  }

  override forward(batch: Batch, options: ForwardOptions = {}): SentenceOutput {
    return super.forward(batch, options) as SentenceOutput;
  }

  /**
   * Embeddings of sentences: batched by length, without padding, off the JavaScript thread.
   *
   * @throws ERR_ARGUMENT for sentences that are empty or none, an unknown prompt, a model without a tokenizer;
   *   ERR_ABORTED by the signal
   */
  override encode(sentences: string, options?: SentenceEncodeOptions): Promise<Float32Array>;
  override encode(sentences: readonly string[], options?: SentenceEncodeOptions): Promise<Float32Array[]>;
  /** @internal A batch is what `Model.encode` takes; an encoder has no decoder for it. */
  override encode(batch: Batch): EncoderOutputs;
  override encode(
    sentences: string | readonly string[] | Batch,
    options: SentenceEncodeOptions = {},
  ): Promise<Float32Array | Float32Array[]> | EncoderOutputs {
    return sentences instanceof Batch ? super.encode(sentences) : this.#embeddings(sentences, options);
  }

  async #embeddings(
    sentences: string | readonly string[],
    options: SentenceEncodeOptions,
  ): Promise<Float32Array | Float32Array[]> {
    const texts = typeof sentences === "string" ? [sentences] : sentences;
    checkTexts(WHO, texts, "sentences");
    const parts = { who: WHO, ...options, model: this, tokenizer: this.tokenizer };
    const prompt = this.#promptOf(options);
    const examples: SentenceExample[] = await encodeTexts(
      texts.map((text) => this.prepared(prompt + text)),
      parts,
    );
    if (prompt !== "" && !this.modules.pooling.includePrompt) {
      const promptLength = this.#lengthOf(prompt);
      for (const example of examples) example.promptLength = promptLength;
    }
    const work = { apply: (batch: Batch) => this.forward(batch).sentenceEmbedding, cut: rowsOf };
    const vectors = await runExamples(examples, work, parts);
    if (options.normalizeEmbeddings) for (const vector of vectors) scaleToOne(vector);
    return typeof sentences === "string" ? vectors[0] : vectors;
  }

  /** A sentence as its tokenizer gets it: stripped, and in lower case where `do_lower_case` says so. */
  prepared(sentence: string): string {
    const text = sentence.trim();
    return this.modules.transformer.config.do_lower_case === true ? text.toLowerCase() : text;
  }

  #promptOf({ prompt, promptName = this.defaultPromptName }: SentenceEncodeOptions): string {
    if (prompt !== undefined) return prompt;
    if (promptName === undefined) return "";
    const known = Object.keys(this.prompts);
    if (known.includes(promptName)) return this.prompts[promptName];
    throw fault(
      WHO,
      `promptName must be one of ${known.join(", ") || "none (the model has none)"}`,
      promptName,
    );
  }

  /** Tokens of a prompt without the special one at the end. */
  #lengthOf(prompt: string): number {
    const { ids, specialTokensMask } = this.tokenizer!.encode(this.prepared(prompt));
    return ids.length - (specialTokensMask[ids.length - 1] ? 1 : 0);
  }

  /**
   * The similarity of each vector with each, by the model's own function.
   *
   * @throws ERR_ARGUMENT for vectors of different lengths
   */
  similarity(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): Float32Array[] {
    return a.map((one) => Float32Array.from(b, (other) => similarityOf(one, other, this.similarityFunction)));
  }

  /** The similarity of vectors pair by pair. @throws ERR_ARGUMENT for lists of different lengths */
  similarityPairwise(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): Float32Array {
    if (a.length !== b.length) throw fault(WHO, `b must hold ${a.length} vectors`, b.length);
    return Float32Array.from(a, (one, i) => similarityOf(one, b[i], this.similarityFunction));
  }

  /** Where a saved folder keeps the weights: for checkpoints of a run. */
  storedWeights(folder: string): Promise<Map<string, CheckpointTensor>> {
    return storedWeights(folder, this.modules, folder);
  }

  protected override weightFiles(weights: Map<string, Tensor>): [string, Map<string, Tensor>][] {
    const rest = new Map(weights);
    const files: [string, Map<string, Tensor>][] = [["model.safetensors", rest]];
    for (const { path } of this.modules.further.filter(({ kind }) => kind === "dense")) {
      const own = new Map<string, Tensor>();
      for (const [name, tensor] of weights) {
        if (name.startsWith(`${path}.`) && rest.delete(name)) own.set(name.slice(path.length + 1), tensor);
      }
      files.push([join(path, "model.safetensors"), own]);
    }
    return files;
  }

  /** As Model does, in the layout of Sentence-Transformers, with the tokenizer where there is one. */
  override async savePretrained(folder: string, options: SaveOptions = {}): Promise<void> {
    await makeModuleFolders(folder, this.modules);
    await super.savePretrained(folder, options);
    await writeSentenceModules(folder, this.modules);
    await this.tokenizer?.save(folder);
  }
}

function sentenceParts(config: ModelConfig, modulesOf: (width: number) => SentenceModules) {
  const { parts, rules } = modelParts(config, "Model");
  const head = new SentenceHead(parts.store, modulesOf(parts.encoder.sizes.hidden));
  return { parts: { ...parts, head }, rules };
}

/** The tensors of the encoder, and those of dense layers under the names they have in the model. */
async function storedWeights(
  folder: string,
  { further }: SentenceModules,
  encoderFolder: string,
): Promise<Map<string, CheckpointTensor>> {
  const found = new Map(await resolveCheckpoint(encoderFolder));
  for (const { path } of further.filter(({ kind }) => kind === "dense")) {
    for (const [name, tensor] of await resolveCheckpoint(join(folder, path)))
      found.set(`${path}.${name}`, tensor);
  }
  return found;
}

/** The tokenizer beside the encoder, which a repository of the Hub may have to be asked for; a folder may have none. */
async function ownTokenizer(
  name: string,
  encoderFolder: string,
  { transformer }: SentenceModules,
  hub: HubOptions,
): Promise<Tokenizer | undefined> {
  const { max_seq_length: most } = transformer.config;
  const limit = typeof most === "number" ? { modelMaxLength: most } : {};
  const here = encoderFolder === join(name, transformer.path);
  if (here && !(await readdir(encoderFolder)).some((file) => VOCABULARY_FILES.includes(file)))
    return undefined;
  if (transformer.path !== "") return await AutoTokenizer.fromPretrained(encoderFolder, limit);
  return await AutoTokenizer.fromPretrained(name, { ...hub, ...limit });
}

function scaleToOne(vector: Float32Array): void {
  const length = Math.max(Math.hypot(...vector), 1e-12);
  for (let i = 0; i < vector.length; i++) vector[i] /= length;
}
