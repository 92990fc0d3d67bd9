// A ragged batch: the concatenation of its sequences, with offsets; no padding anywhere.
import { AthanorError } from "../errors.js";
import { type DType, Tensor, type TensorData, tensor } from "../tensor/tensor.js";

/** One row of a data set, as numbers; a tokenizer's Encoding is one too. */
export interface Example {
  inputIds?: ArrayLike<number>;
  /** As Encoding spells inputIds. */
  ids?: ArrayLike<number>;
  /** Segment of each token; zeros when left out. */
  tokenTypeIds?: ArrayLike<number>;
  /** As Encoding spells tokenTypeIds. */
  typeIds?: ArrayLike<number>;
  /** 0, 1, 2, ... when left out. */
  positionIds?: ArrayLike<number>;
  /** Encoder-decoders: what the decoder reads; made of the labels, as the family does it, when left out. */
  decoderInputIds?: ArrayLike<number>;
  /** Of an encoder-decoder the target's tokens. A class, a number (regression), one number per class (multi-label) or one per token (-100: not counted). */
  labels?: number | ArrayLike<number>;
  /** Question answering: tokens of the sequence; outside of it means not counted. */
  startPosition?: number;
  endPosition?: number;
  /** Pre-training: 0 when the second sentence follows the first. */
  nextSentenceLabel?: number;
  /** ALBERT's pre-training: 0 when the two are in order, 1 when they were swapped. */
  sentenceOrderLabel?: number;
  /** Multiple choice: one example per choice, any number of them. */
  choices?: Example[];
  /** Tokens that begin a word, in order: what a tagger over words decides on (collateTagChains). */
  wordStarts?: ArrayLike<number>;
  /** The row of the data that it was made of, from 0, where a task makes several examples of one, or one of several. */
  row?: number;
}

/** What a head adds to a batch: tensors by name, and how many labels its mean loss counts. */
export interface BatchLabels {
  tensors: Record<string, Tensor>;
  lossCount: number;
  /** An encoder-decoder's targets. */
  decoder?: Batch;
}

/**
 * Sequences one after another: token-level tensors have T rows, `offsets[b]` to `offsets[b + 1]` are sequence b.
 * Free it with `dispose()` or let a scope do so; what is queued keeps what it needs.
 */
export class Batch {
  constructor(
    /** i32 (T) */
    readonly inputIds: Tensor,
    /** i32 (T) */
    readonly tokenTypeIds: Tensor,
    /** i32 (T) */
    readonly positionIds: Tensor,
    /** i32 (B+1) */
    readonly offsets: Tensor,
    /** i32 (B): the first row of each sequence */
    readonly firstRows: Tensor,
    /** The offsets as numbers. */
    readonly bounds: Int32Array,
    /** Number of sequences B. */
    readonly size: number,
    /** Number of tokens T. */
    readonly tokens: number,
    /** Labels by name, made by the head; empty without labels. */
    readonly extra: Record<string, Tensor>,
    /** What the mean loss divides by: weights for gradient accumulation. 0 without labels. */
    readonly lossCount: number,
    /**
     * Of an encoder-decoder the targets, as the decoder reads them: logits have their tokens as rows, so that
     * `batch.decoder.unpack` cuts them. None where the examples have neither labels nor decoderInputIds.
     */
    readonly decoder?: Batch,
  ) {}

  /** The head's labels, if the examples had any. */
  get labels(): Tensor | undefined {
    return this.extra.labels;
  }

  /**
   * Cuts token-level values (T elements or rows) into one array per sequence.
   *
   * @param values what `await output.data()` gave; a tensor is read with `dataSync()`, which blocks
   */
  unpack(values: Tensor | TensorData): TensorData[] {
    const data = values instanceof Tensor ? values.dataSync() : values;
    if (this.tokens === 0 || data.length % this.tokens !== 0) {
      throw new AthanorError(
        "ERR_SHAPE",
        `unpack: needed a multiple of ${this.tokens} elements, got ${data.length}`,
      );
    }
    const width = data.length / this.tokens;
    const parts: TensorData[] = [];
    for (let b = 0; b < this.size; b++)
      parts.push(data.slice(this.bounds[b] * width, this.bounds[b + 1] * width));
    return parts;
  }

  /** As unpack(), as one rectangle (B, longest, width) filled up with `value`. */
  unpackPadded(values: Tensor | TensorData, value = 0): { data: Float32Array; shape: number[] } {
    const parts = this.unpack(values);
    const lengths = parts.map((_, b) => this.bounds[b + 1] - this.bounds[b]);
    const longest = Math.max(0, ...lengths);
    const width = this.size === 0 ? 0 : parts[0].length / lengths[0];
    const data = new Float32Array(this.size * longest * width).fill(value);
    parts.forEach((part, b) => {
      data.set(part, b * longest * width);
    });
    return { data, shape: [this.size, longest, width] };
  }

  dispose(): void {
    for (const t of [this.inputIds, this.tokenTypeIds, this.positionIds, this.offsets, this.firstRows])
      t.dispose();
    for (const t of Object.values(this.extra)) t.dispose();
    this.decoder?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export interface CollateLimits {
  /** Longest sequence that the model has positions for. */
  positions: number;
  /** How many tokens the model knows. */
  vocabulary: number;
  /** Added to the default positions (RoBERTa counts from its padding id + 1). */
  firstPosition?: number;
  /** A token that takes no place in the count, its position being its id: RoBERTa's padding inside a sequence. */
  uncountedToken?: number;
  device: string;
  /** What an example has too many of; default "tokens". */
  what?: string;
}

/** Lays examples one after another. @throws ERR_ARGUMENT naming the example */
export function collateTokens(
  examples: readonly Example[],
  limits: CollateLimits,
  labels: BatchLabels,
): Batch {
  const bounds = new Int32Array(examples.length + 1);
  const { what = "tokens", vocabulary } = limits;
  examples.forEach((example, b) => {
    const ids = idsOf(example, b);
    if (ids.length > limits.positions) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `collate: example ${b} has ${ids.length} ${what}, the model has positions for ${limits.positions}; truncate it`,
      );
    }
    bounds[b + 1] = bounds[b] + ids.length;
  });
  const tokens = bounds[examples.length];
  const inputIds = new Int32Array(tokens);
  const tokenTypeIds = new Int32Array(tokens);
  const positionIds = new Int32Array(tokens);
  examples.forEach((example, b) => {
    const ids = idsOf(example, b);
    const types = sameLength(example.tokenTypeIds ?? example.typeIds, ids.length, b, "tokenTypeIds");
    const positions = sameLength(example.positionIds, ids.length, b, "positionIds");
    const begin = bounds[b];
    let next = limits.firstPosition ?? 0;
    for (let i = 0; i < ids.length; i++) {
      const id = integer(ids[i], b, "inputIds");
      if (id < 0 || id >= vocabulary) {
        throw new AthanorError(
          "ERR_ARGUMENT",
          `collate: example ${b}: ${what} must be from 0 to ${vocabulary - 1}, got ${id}; is the tokenizer the model's?`,
        );
      }
      inputIds[begin + i] = id;
      if (positions) positionIds[begin + i] = integer(positions[i], b, "positionIds");
      else positionIds[begin + i] = id === limits.uncountedToken ? id : next++;
      if (types) tokenTypeIds[begin + i] = integer(types[i], b, "tokenTypeIds");
    }
  });
  const make = (data: Int32Array) => tensor(data, [data.length], { device: limits.device as "cpu" });
  return new Batch(
    make(inputIds),
    make(tokenTypeIds),
    make(positionIds),
    make(bounds),
    make(bounds.slice(0, examples.length)),
    bounds,
    examples.length,
    tokens,
    labels.tensors,
    labels.lossCount,
    labels.decoder,
  );
}

function idsOf(example: Example, b: number): ArrayLike<number> {
  const ids = example?.inputIds ?? example?.ids;
  if (ids === undefined || ids === null || typeof ids.length !== "number") {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `collate: example ${b} needs inputIds, got ${Object.keys(example ?? {}).join(", ") || "nothing"}`,
    );
  }
  if (ids.length === 0)
    throw new AthanorError("ERR_ARGUMENT", `collate: example ${b} needs at least one token, got none`);
  return ids;
}

function sameLength(
  values: ArrayLike<number> | undefined,
  length: number,
  b: number,
  name: string,
): ArrayLike<number> | undefined {
  if (values !== undefined && values.length !== length) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `collate: example ${b}: ${name} must be ${length} long, got ${values.length}`,
    );
  }
  return values;
}

function integer(value: unknown, b: number, name: string): number {
  const n = Number(value); // bigint too
  if (!Number.isInteger(n) || n < -2147483648 || n > 2147483647) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `collate: example ${b}: ${name} must be integers, got ${String(value)}`,
    );
  }
  return n;
}

/** Labels of one kind: all examples have them or none does. */
export function collected<T>(
  examples: readonly Example[],
  name: string,
  of: (example: Example) => T | undefined | null,
): T[] | null {
  const values = examples.map(of);
  const missing = values.findIndex((value) => value === undefined || value === null);
  if (missing < 0) return values as T[];
  if (values.every((value) => value === undefined || value === null)) return null;
  throw new AthanorError("ERR_ARGUMENT", `collate: example ${missing} has no ${name}, others have`);
}

export const noLabels: BatchLabels = { tensors: {}, lossCount: 0 };

/** One integer per example; the op that uses them checks their range. */
export function integerLabels(values: readonly number[], name: string, device: string): Tensor {
  const data = Int32Array.from(values, (value, b) => integer(value, b, name));
  return makeLabels(data, [data.length], "i32", device);
}

/** One integer per token; returns the tensor and how many are not `ignored`. */
export function tokenLabels(
  examples: readonly Example[],
  values: readonly (number | ArrayLike<number>)[],
  device: string,
  ignored = -100,
): { tensor: Tensor; counted: number } {
  const all: number[] = [];
  let counted = 0;
  values.forEach((labels, b) => {
    const length = idsOf(examples[b], b).length;
    if (typeof labels === "number" || labels.length !== length) {
      const came = typeof labels === "number" ? "a number" : labels.length;
      throw new AthanorError(
        "ERR_ARGUMENT",
        `collate: example ${b}: labels must be ${length} long, got ${came}`,
      );
    }
    for (let i = 0; i < length; i++) {
      const label = integer(labels[i], b, "labels");
      if (label !== ignored) counted++;
      all.push(label);
    }
  });
  return { tensor: makeLabels(Int32Array.from(all), [all.length], "i32", device), counted };
}

/** One label per token. */
export function collateTokenLabels(examples: readonly Example[], device: string): BatchLabels {
  const values = collected(examples, "labels", (example) => example.labels);
  if (!values) return noLabels;
  const { tensor: labels, counted } = tokenLabels(examples, values, device);
  return { tensors: { labels }, lossCount: counted };
}

/** What each token of a sequence tells: the label of the next one, and the last one nothing (-100). */
export function nextLabels(labels: readonly number[]): number[] {
  return [...labels.slice(1), -100];
}

/** One row of `width` numbers per example. */
export function floatLabels(
  values: readonly (number | ArrayLike<number>)[],
  width: number,
  device: string,
): Tensor {
  const data = new Float32Array(values.length * width);
  values.forEach((labels, b) => {
    const row = typeof labels === "number" ? [labels] : labels;
    if (row.length !== width) {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `collate: example ${b}: labels must be ${width} numbers, got ${row.length}`,
      );
    }
    for (let i = 0; i < width; i++) data[b * width + i] = Number(row[i]);
  });
  return makeLabels(data, [values.length, width], "f32", device);
}

function makeLabels(data: Int32Array | Float32Array, shape: number[], dtype: DType, device: string): Tensor {
  return tensor(data, shape, { dtype, device: device as "cpu" });
}

/** Sequences one after another. */
export function concatenated(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
