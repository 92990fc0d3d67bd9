// Loaded fixtures of models that generate, and what their tests compare.
import { createHash } from "node:crypto";
import type { Model } from "../../src/models/model.js";
import { autoClassOf } from "./auto-classes.js";
import { modelFolder } from "./model-fixtures.js";

export const load = (name: string, options = {}): Promise<Model> =>
  autoClassOf(name).fromPretrained(modelFolder(name), options);

/** For comparisons: Jest takes long over large arrays. */
export function digestOf(data: ArrayBufferView | undefined): string | undefined {
  const bytes = data && Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes && createHash("sha256").update(bytes).digest("hex");
}

/** Disposes of the model afterwards. */
export async function withModel<T>(model: Promise<Model>, use: (model: Model) => T | Promise<T>): Promise<T> {
  const loaded = await model;
  try {
    return await use(loaded);
  } finally {
    loaded.dispose();
  }
}

/** Two rows of an encoder-decoder. */
export const sources = [
  { inputIds: [7, 21, 3, 30, 15], labels: [9, 11, -100, 5] },
  { inputIds: [12, 8], labels: [9, 31] },
];
