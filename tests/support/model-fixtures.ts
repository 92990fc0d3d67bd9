// Model fixtures: padded inputs of the original as ragged examples, its numbers by name.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Example } from "../../src/models/batch.js";
import type { EncoderOutputs } from "../../src/models/encoder.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { tensor } from "../../src/tensor/tensor.js";

export interface ModelCase {
  folder: string;
  class: string;
  loss: number;
  no_weight_decay: string[];
  gradient_is_rounding_noise: string[];
  /** Parameters that the forward never reads. */
  without_gradient?: string[];
  parameters: Record<string, number[]>;
  training: {
    lr: number[];
    betas: [number, number];
    eps: number;
    weight_decay: number;
    clip_grad_norm: number;
    loss: number[];
    grad_norm: number[];
    loss_after: number;
    parameter_norm_after: Record<string, number>;
  };
  tensors: Map<string, { shape: number[]; data: number[] }>;
}

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "tests", "fixtures", "models");

export function modelFolder(name: string): string {
  return join(root, name);
}

/** All cases: the folders there are. */
export function modelCases(): string[] {
  const entries = readdirSync(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

export async function modelCase(name: string): Promise<ModelCase> {
  const folder = modelFolder(name);
  const meta = JSON.parse(readFileSync(join(folder, "case.json"), "utf8"));
  const tensors = new Map<string, { shape: number[]; data: number[] }>();
  for (const [key, { shape, data }] of await readSafetensors(join(folder, "case.safetensors"))) {
    tensors.set(key, { shape: [...shape], data: Array.from(data as ArrayLike<number | bigint>, Number) });
  }
  return { ...meta, folder, tensors };
}

/** Rows of a padded (N, L) input where the attention mask is 1. */
export function realRows(c: ModelCase): boolean[] {
  return c.tensors.get("input.attention_mask")!.data.map((bit) => bit === 1);
}

/** The rows of a padded output (N, L, ...) that belong to real tokens, one after another. */
export function unpadded(c: ModelCase, name: string): number[] {
  const { data } = c.tensors.get(name)!;
  const mask = realRows(c);
  const width = data.length / mask.length;
  return data.filter((_, i) => mask[Math.floor(i / width)]);
}

/** The case's padded batch as examples of their real lengths. */
export function examplesOf(c: ModelCase): Example[] {
  const { shape, data: ids } = c.tensors.get("input.input_ids")!;
  const width = shape[shape.length - 1];
  const rows = ids.length / width;
  const mask = realRows(c);
  const take = (name: string, row: number) => {
    const values = c.tensors.get(`input.${name}`)?.data.slice(row * width, (row + 1) * width);
    return values?.filter((_, i) => mask[row * width + i]);
  };
  const sequences = Array.from({ length: rows }, (_, row) => ({
    inputIds: take("input_ids", row)!,
    tokenTypeIds: take("token_type_ids", row),
    positionIds: take("position_ids", row),
  }));
  if (shape.length === 3) {
    const labels = c.tensors.get("input.labels")!.data;
    const choices = shape[1];
    return labels.map((label, b) => ({
      choices: sequences.slice(b * choices, (b + 1) * choices),
      labels: label,
    }));
  }
  return sequences.map((sequence, row) => ({ ...sequence, ...labelsOf(c, row, rows, take) }));
}

/** What a decoder looks at, without padding; undefined where the case has none. */
export function encoderOutputsOf(c: ModelCase): EncoderOutputs | undefined {
  const states = c.tensors.get("input.encoder_hidden_states");
  if (!states) return undefined;
  const [size, longest, width] = states.shape;
  const mask = c.tensors.get("input.encoder_attention_mask")!.data;
  const offsets = new Int32Array(size + 1);
  for (let b = 0; b < size; b++) {
    const own = mask.slice(b * longest, (b + 1) * longest);
    offsets[b + 1] = offsets[b] + own.reduce((sum, bit) => sum + bit, 0);
  }
  const rows = states.data.filter((_, i) => mask[Math.floor(i / width)] === 1);
  return {
    lastHiddenState: tensor(rows, [offsets[size], width]),
    offsets: tensor(offsets, [size + 1], { dtype: "i32" }),
  };
}

function labelsOf(
  c: ModelCase,
  row: number,
  rows: number,
  take: (name: string, row: number) => number[] | undefined,
): Partial<Example> {
  const found: Partial<Example> = {};
  const labels = c.tensors.get("input.labels");
  const inputs = c.tensors.get("input.input_ids")!;
  if (labels) {
    const perToken = labels.data.length === inputs.data.length;
    const width = labels.data.length / rows;
    if (perToken) found.labels = take("labels", row);
    else if (width === 1) found.labels = labels.data[row];
    else found.labels = labels.data.slice(row * width, (row + 1) * width);
  }
  const at = (name: string) => c.tensors.get(`input.${name}`)?.data[row];
  if (at("start_positions") !== undefined) {
    found.startPosition = at("start_positions");
    found.endPosition = at("end_positions");
  }
  found.nextSentenceLabel = at("next_sentence_label");
  found.sentenceOrderLabel = at("sentence_order_label");
  return found;
}
