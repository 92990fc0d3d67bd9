// What the driver and the engines say to each other: one JSON object a line. The engines of peers are in
// benchmarks/peers and read the same objects.

/** How much a batch holds: token ids of each row, and what a training step needs. */
export interface Rows {
  /** (B) rows of token ids, any mix of lengths. */
  ids: number[][];
  /** Segments, where a row has two. */
  types?: number[][];
  /** One class per row. */
  labels?: number[];
  /** Question answering: first and last token of the answer. */
  starts?: number[];
  ends?: number[];
}

/** y = x Wᵀ + b under no_grad, or one of its two gradients, with `weights` different W in turn. */
export interface LinearTask {
  kind: "linear";
  rows: number;
  inputs: number;
  outputs: number;
  pass: "forward" | "dx" | "dw";
  weights: number;
  /** The type that the weights are stored in; f32 when left out. */
  dtype?: "bf16";
}

export interface AttentionTask {
  kind: "attention";
  batch: number;
  length: number;
  heads: number;
  pass: "forward" | "backward";
}

/** The other ops, on inputs of `shape`. */
export interface OpTask {
  kind: "op";
  op: "layer_norm" | "add_layer_norm" | "gelu" | "softmax" | "cross_entropy" | "embedding" | "adamw";
  shape: [number, number];
  pass: "forward" | "backward";
}

/** Forward passes of an encoder: all batches one after another are a sample. */
export interface InferenceTask {
  kind: "inference";
  /** A model folder; ONNX models lie in it as onnx/NAME.onnx. */
  folder: string;
  /** JSON file of Rows[]. */
  batches: string;
  dtype: "f32" | "bf16" | "int8";
}

/** Training steps: sample i is a step on batch i, over and over. */
export interface TrainingTask {
  kind: "training";
  head: "classification" | "question-answering" | "causal-language-modeling";
  folder: string;
  batches: string;
  learningRate: number;
  dropout: boolean;
}

export type Task = LinearTask | AttentionTask | OpTask | InferenceTask | TrainingTask;

export type Request =
  | { command: "load"; task: Task; threads: number }
  /** Times `repeats` runs, or step `index` of a training. */
  | { command: "sample"; repeats: number; index: number }
  /** Writes what the last run computed as float32, in the order of the real rows. */
  | { command: "output"; file: string };

export interface SampleAnswer {
  /** Milliseconds of one run. */
  ms: number;
  loss?: number;
  /** Anything worth recording: which model file was faster, the attention in use. */
  note?: string;
}

export type Answer =
  | SampleAnswer
  | { ok: true; note?: string }
  | { error: { code: string; message: string } };

/** What an engine makes of a task. */
export interface Loaded {
  note?: string;
  /** Starts and finishes `repeats` runs of the work; training: one step on batch `index`, gives the loss. */
  run(repeats: number, index: number): Promise<number | undefined>;
  /** Results of the work, to compare engines. */
  output?(): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Numbers in [-scale, scale), the same in every engine: element i follows from i and the seed by integer
 * arithmetic (a finaliser of MurmurHash3), so that NumPy makes them fast too.
 */
export function hashed(count: number, seed: number, scale: number): Float32Array {
  const data = new Float32Array(count);
  const start = Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < count; i++) {
    let h = Math.imul((i + start) | 0, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
    h ^= h >>> 13;
    data[i] = ((h >>> 8) / 8388608 - 1) * scale;
  }
  return data;
}
