// The fixtures of representations: folders as the references save them, and what these made of them.
import { readFileSync } from "node:fs";
import { expect } from "@jest/globals";
import { readSafetensors } from "../../src/models/safetensors.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { repositoryFile } from "../tasks/language-support.js";

export const embeddingFolder = (name: string) => repositoryFile(`tests/fixtures/embeddings/${name}`);

interface SentenceCase {
  parameters: string[];
  ranking: number;
  cosine: number;
}

export interface ZeroShotCall {
  candidate_labels: string | string[];
  multi_label?: boolean;
  hypothesis_template?: string;
  results: { sequence: string; labels: string[]; scores: number[] }[];
}

export const embeddingCase: {
  rows: [string, string, number][];
  pooled: SentenceCase;
  "all-modes": SentenceCase;
  mix: { loss: number; labels: number[] };
  cross: {
    query: string;
    rank: { corpus_id: number; score: number; text: string }[];
    sigmoid: number[];
    identity: number[];
  };
  zero_shot: { texts: string[]; calls: ZeroShotCall[] };
  retrieval: {
    ranked: number[][];
    relevant: number[][];
    metrics: Record<string, Record<string, number>>;
    sklearn: Record<string, number>;
  };
} = JSON.parse(readFileSync(embeddingFolder("case.json"), "utf8"));

/** Tensors of the references by name. */
export async function embeddingTensors(): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  const found = await readSafetensors(embeddingFolder("case.safetensors"));
  return new Map([...found].map(([name, { shape, data }]) => [name, { shape, data: data as Float32Array }]));
}

/** The largest difference, relative to the largest of the reference. */
export function apart(ours: ArrayLike<number>, reference: ArrayLike<number>): number {
  expect(ours.length).toBe(reference.length);
  let [difference, largest] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    difference = Math.max(difference, Math.abs(ours[i] - reference[i]));
    largest = Math.max(largest, Math.abs(reference[i]));
    if (Number.isNaN(ours[i])) return Number.NaN;
  }
  return difference / (largest || 1);
}

/** Arrays one after another. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  return Float32Array.from(arrays.flatMap((array) => Array.from(array)));
}

/** Compares the gradients of parameters with those of a reference, whose names `nameOf` gives. */
export function expectGradients(
  parameters: Map<string, Tensor>,
  reference: Map<string, { data: Float32Array }>,
  nameOf: (name: string) => string,
  tolerance: number,
): number {
  let compared = 0;
  const norm = Math.sqrt(
    [...reference.values()].reduce((sum, { data }) => sum + data.reduce((part, g) => part + g * g, 0), 0),
  );
  for (const [name, parameter] of parameters) {
    const wanted = reference.get(nameOf(name));
    const { grad } = parameter;
    if (!wanted) {
      expect([name, grad]).toEqual([name, null]);
      continue;
    }
    const ours = grad!.dataSync() as Float32Array;
    const largest = wanted.data.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    // A gradient that is zero in exact arithmetic (keys' biases) is noise on both sides.
    const bound = largest < 1e-6 * norm ? 1e-5 * norm : tolerance * largest;
    const worst = ours.reduce((most, g, i) => Math.max(most, Math.abs(g - wanted.data[i])), 0);
    expect([name, worst <= bound ? "near" : `${worst} of ${largest}`]).toEqual([name, "near"]);
    compared++;
  }
  return compared;
}
