// What the tests of token classification share: a small vocabulary, labels, a row, preparing.
import { type TokenClassificationOptions, tokenClassification } from "../../src/tasks/index.js";
import type { TaggedWindow } from "../../src/tasks/token-classification/windows.js";
import type { Tokenizer } from "../../src/tokenizers/index.js";
import type { TrainableModel } from "../../src/training/index.js";
import { contextOf, wordTokenizer } from "./language-support.js";

export const people = ["ada", "bob", "eve"];
export const places = ["rome", "oslo"];
export const verbs = ["sees", "leaves", "likes"];
export const tokenizer = wordTokenizer([...people, ...places, ...verbs, "##burg", "new", "in", "."]);
export const labels = ["O", "B-LOC", "B-PER", "I-LOC"];
/** A model in name only. */
export const modelOf = (names: string[]) =>
  ({ config: { id2label: { ...names } } }) as unknown as TrainableModel;

export const row = { tokens: ["ada", "leaves", "newburg", "."], tags: ["B-PER", "O", "B-LOC", "O"] };

export async function prepared(
  rows: object[],
  options: TokenClassificationOptions = {},
  purpose: "train" | "evaluate" | "predict" = "train",
  how: { tokenizer?: Tokenizer; labels?: string[] } = {},
): Promise<TaggedWindow[]> {
  const context = contextOf(how.tokenizer ?? tokenizer, purpose);
  const model = modelOf(how.labels ?? labels);
  return (await tokenClassification(options).prepare(rows, { ...context, model })) as TaggedWindow[];
}
