// The generation fixtures: padded inputs of the original as ragged examples, its sequences without padding.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { generationConfigOf } from "../../src/generation/config-file.js";
import type { GenerateOptions } from "../../src/generation/options.js";

const here = dirname(fileURLToPath(import.meta.url));

export const generationFolder = join(here, "..", "..", "..", "tests", "fixtures", "generation");

export interface GenerationCase {
  name: string;
  /** Rows of the input: all, or the one that was run alone. */
  rows: number[];
  options: GenerateOptions;
  /** Entries of the file, as it spells them. */
  raw: Record<string, unknown>;
  /** Of each row, numReturnSequences after each other. */
  sequences: number[][];
  scores?: number[];
  logProbabilities?: number[][];
}

export interface GenerationFixture {
  folder: string;
  isEncoderDecoder: boolean;
  examples: { inputIds: number[] }[];
  /** Of the whole batch at once. */
  together: GenerationCase[];
  /** Of single rows, without padding. */
  alone: GenerationCase[];
  end: number;
}

interface RawCase {
  name: string;
  row?: number;
  options: Record<string, unknown>;
  sequences: number[][];
  sequences_scores?: number[];
  log_probabilities?: number[][];
}

function untilEnd(tokens: number[], start: number, end: number): number[] {
  const at = tokens.indexOf(end, start);
  return at < 0 ? tokens : tokens.slice(0, at + 1);
}

function caseOf(raw: RawCase, rows: number[], sequences: number[][]): GenerationCase {
  const { prefix, ...options } = generationConfigOf(raw.options) as GenerateOptions & { prefix?: boolean };
  return {
    name: raw.name,
    rows,
    raw: raw.options,
    options,
    sequences,
    scores: raw.sequences_scores,
    logProbabilities: raw.log_probabilities,
  };
}

export function generationFixture(name: string): GenerationFixture {
  const folder = join(generationFolder, name);
  const file = JSON.parse(gunzipSync(readFileSync(join(folder, "cases.json.gz"))).toString("utf8"));
  const config = JSON.parse(readFileSync(join(folder, "generation_config.json"), "utf8"));
  const mask: number[][] = file.attention_mask;
  const examples = (file.input_ids as number[][]).map((ids, row) => ({
    inputIds: ids.filter((_, i) => mask[row][i] === 1),
  }));
  const isEncoderDecoder = file.padding_side === "right";
  const end: number = config.eos_token_id;
  const together = (file.cases as RawCase[]).map((raw) => {
    const each = raw.sequences.length / examples.length;
    const sequences = raw.sequences.map((tokens, i) => {
      const row = Math.floor(i / each);
      // Prompts are padded on the left to the longest; a decoder's start is one token.
      const pads = isEncoderDecoder ? 0 : mask[row].indexOf(1);
      return untilEnd(tokens, isEncoderDecoder ? 1 : mask[row].length, end).slice(pads);
    });
    return caseOf(
      raw,
      examples.map((_, row) => row),
      sequences,
    );
  });
  const single = JSON.parse(readFileSync(join(folder, "alone.json"), "utf8"));
  const alone = (single.cases as RawCase[]).map((raw) => caseOf(raw, [raw.row as number], raw.sequences));
  return { folder, isEncoderDecoder, examples, together, alone, end };
}

/** What a case asks for; `end` is the end token. */
export function optionsOf(c: GenerationCase, end: number): GenerateOptions {
  if (!c.raw.prefix) return c.options;
  // As make_generation.py has it: tokens of the same parity as the last one, and the end.
  const all = Array.from({ length: 60 }, (_, token) => token);
  const prefixAllowedTokens = (_: number, tokens: Int32Array) => {
    const last = tokens[tokens.length - 1];
    return all.filter((token) => token === end || (token - last) % 2 === 0);
  };
  return { ...c.options, prefixAllowedTokens };
}
