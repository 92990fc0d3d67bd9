// What collators share: examples laid out as plain arrays, one after another or as rectangles filled up with padding.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import { idsOf } from "../task.js";

/** Numbers in row-major order. */
export interface CollatedArray {
  data: Int32Array | Float32Array;
  shape: number[];
}

/**
 * Arrays by name. Ragged: `inputIds`, `tokenTypeIds` and per-token labels have one element per token, `offsets` says
 * where sequences begin. Padded: they are (B, L), beside an `attentionMask` of ones for real tokens.
 */
export type Collated = Record<string, CollatedArray>;

/** How a collator pads. */
export interface PaddingOptions {
  /** false (default): ragged. "longest" of the batch, or "max_length". */
  padding?: false | "longest" | "max_length";
  /** Columns for "max_length". */
  maxLength?: number;
  /** Columns are rounded up to a multiple of this. */
  padToMultipleOf?: number;
  /** Says the padding id and side; id 0 on the right without. */
  tokenizer?: Pick<Tokenizer, "padTokenId" | "paddingSide">;
}

export type Collator = (examples: readonly Example[]) => Collated;

/** A value per token, and what stands for padding. */
export interface TokenField {
  name: string;
  of(example: Example): ArrayLike<number> | undefined;
  padding: number;
}

const inputFields = (padId: number): TokenField[] => [
  { name: "inputIds", of: idsOf, padding: padId },
  { name: "tokenTypeIds", of: (example) => example.tokenTypeIds ?? example.typeIds, padding: 0 },
  { name: "positionIds", of: (example) => example.positionIds, padding: 0 },
];

/** Lays out ids, types, positions and the further fields. @throws ERR_ARGUMENT naming the example */
export function layOut(
  examples: readonly Example[],
  options: PaddingOptions,
  further: readonly TokenField[] = [],
): Collated {
  if (examples.length === 0) throw fault("examples", "at least one", "none");
  const lengths = examples.map((example, b) => {
    const { length } = idsOf(example);
    if (length === 0) throw fault(`example ${b}`, "inputIds with a token", "none");
    return length;
  });
  const fields = [...inputFields(options.tokenizer?.padTokenId ?? 0), ...further].filter(({ of }) =>
    examples.some((example) => of(example) !== undefined),
  );
  const columns = columnsOf(lengths, options);
  const rows = columns === undefined ? ragged(lengths) : rectangle(lengths, columns, options);
  const collated: Collated = {};
  for (const { name, of, padding } of fields) {
    const data = new Int32Array(rows.size).fill(padding);
    examples.forEach((example, b) => {
      const values = of(example);
      // Segments that one example leaves out are zeros.
      if (values === undefined && name === "tokenTypeIds")
        data.fill(0, rows.first[b], rows.first[b] + lengths[b]);
      else data.set(checkedValues(values, lengths[b], b, name), rows.first[b]);
    });
    collated[name] = { data, shape: rows.shape };
  }
  return { ...collated, ...rows.more };
}

/** Number of columns of a rectangle; undefined for a ragged batch. @throws ERR_ARGUMENT */
function columnsOf(lengths: readonly number[], options: PaddingOptions): number | undefined {
  const { padding = false, maxLength, padToMultipleOf = 1 } = options;
  if (padding === false) return undefined;
  if (padding !== "longest" && padding !== "max_length")
    throw fault("padding", 'false, "longest" or "max_length"', padding);
  if (!Number.isSafeInteger(padToMultipleOf) || padToMultipleOf < 1)
    throw fault("padToMultipleOf", "an integer from 1", padToMultipleOf);
  const longest = Math.max(...lengths);
  if (padding === "max_length") {
    if (!Number.isSafeInteger(maxLength)) throw fault("maxLength", 'an integer for "max_length"', maxLength);
    if (longest > (maxLength as number)) {
      throw fault(`example ${lengths.indexOf(longest)}`, `at most ${maxLength} tokens; truncate it`, longest);
    }
  }
  const least = padding === "longest" ? longest : (maxLength as number);
  return Math.ceil(least / padToMultipleOf) * padToMultipleOf;
}

interface Layout {
  size: number;
  shape: number[];
  /** Where each sequence begins. */
  first: number[];
  more: Collated;
}

function ragged(lengths: readonly number[]): Layout {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, b) => {
    offsets[b + 1] = offsets[b] + length;
  });
  const size = offsets[lengths.length];
  const more = { offsets: { data: offsets, shape: [offsets.length] } };
  return { size, shape: [size], first: Array.from(offsets.subarray(0, -1)), more };
}

function rectangle(lengths: readonly number[], columns: number, { tokenizer }: PaddingOptions): Layout {
  const left = tokenizer?.paddingSide === "left";
  const first = lengths.map((length, b) => b * columns + (left ? columns - length : 0));
  const size = lengths.length * columns;
  const mask = new Int32Array(size);
  lengths.forEach((length, b) => {
    mask.fill(1, first[b], first[b] + length);
  });
  const shape = [lengths.length, columns];
  return { size, shape, first, more: { attentionMask: { data: mask, shape } } };
}

function checkedValues(
  values: ArrayLike<number> | undefined,
  length: number,
  b: number,
  name: string,
): ArrayLike<number> {
  if (values?.length === length) return values;
  const came = values === undefined ? "none" : typeof values === "number" ? "a number" : values.length;
  throw fault(`example ${b}: ${name}`, `${length} numbers`, came);
}

/** The labels of whole examples: integers, or rows of numbers; nothing where no example has labels. */
export function exampleLabels(examples: readonly Example[]): Collated {
  const labels = examples.map((example) => example.labels);
  if (labels.every((label) => label === undefined)) return {};
  const missing = labels.indexOf(undefined);
  if (missing >= 0) throw fault(`example ${missing}`, "labels, as others have them", "none");
  const width = typeof labels[0] === "number" ? undefined : (labels[0] as ArrayLike<number>).length;
  const values = labels.flatMap((label, b) => {
    const found = typeof label === "number" ? undefined : (label as ArrayLike<number>);
    if (found?.length !== width)
      throw fault(`example ${b}: labels`, width ?? "a number", found?.length ?? "a number");
    return found === undefined ? [label as number] : Array.from(found);
  });
  const shape = width === undefined ? [labels.length] : [labels.length, width];
  const whole = width === undefined && values.every(Number.isInteger);
  return { labels: { data: whole ? Int32Array.from(values) : Float32Array.from(values), shape } };
}

function fault(what: string, needed: unknown, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `collate: ${what} must be ${needed}, got ${String(came)}`);
}
