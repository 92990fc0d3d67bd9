// The tokens of a model by id, from either form: an array, or an object of ids by token as in tokenizer.json.

import { AthanorError } from "../../errors.js";
import { badTokenizer } from "../fields.js";
import { describe } from "../options.js";
import type { Json } from "../stages.js";

// An id far beyond the number of tokens is a broken file, not a vocabulary with gaps.
const MOST_GAPS = 1 << 20;

/** Tokens by id. An id that no token has is undefined. */
export type Tokens = readonly (string | undefined)[];

/**
 * Checks a vocabulary.
 *
 * @throws AthanorError ERR_TOKENIZER: it is empty, holds what is no token or no id, or an id or token twice.
 */
export function readTokens(who: string, vocabulary: unknown): Tokens {
  if (typeof vocabulary !== "object" || vocabulary === null) {
    throw badTokenizer(
      `${who}: the vocabulary`,
      "an array of tokens, or an object of ids by token",
      vocabulary,
    );
  }
  const tokens = Array.isArray(vocabulary) ? vocabulary : tokensById(who, vocabulary as Json);
  if (tokens.length === 0) {
    throw new AthanorError("ERR_TOKENIZER", `${who}: the vocabulary must hold at least one token, got none`);
  }
  if (Array.isArray(vocabulary)) checkStrings(who, vocabulary);
  return tokens;
}

/** The vocabulary as tokenizer.json has it. */
export function idsByToken(tokens: Tokens): Json {
  const entries: [string, number][] = [];
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    if (token !== undefined) entries.push([token, id]);
  }
  return Object.fromEntries(entries);
}

/** The error that a token appears twice. */
export function repeatedToken(who: string, token: string, first: number, second: number): AthanorError {
  return new AthanorError(
    "ERR_TOKENIZER",
    `${who}: tokens must be distinct, got ${JSON.stringify(token)} as number ${first} and as number ${second}`,
  );
}

function checkStrings(who: string, tokens: readonly unknown[]): void {
  for (let id = 0; id < tokens.length; id++) {
    if (typeof tokens[id] !== "string") {
      throw new AthanorError(
        "ERR_TOKENIZER",
        `${who}: token ${id} must be a string, got ${describe(tokens[id])}`,
      );
    }
  }
}

function tokensById(who: string, vocabulary: Json): (string | undefined)[] {
  const names = Object.keys(vocabulary);
  const tokens: (string | undefined)[] = new Array(names.length).fill(undefined);
  for (const token of names) {
    const id = vocabulary[token];
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) > names.length + MOST_GAPS) {
      throw badTokenizer(`${who}: the id of ${JSON.stringify(token)}`, "an integer from 0", id);
    }
    while (tokens.length <= (id as number)) tokens.push(undefined);
    const other = tokens[id as number];
    if (other !== undefined) {
      const both = `${JSON.stringify(other)} and ${JSON.stringify(token)}`;
      throw new AthanorError("ERR_TOKENIZER", `${who}: ids must be distinct, got ${String(id)} for ${both}`);
    }
    tokens[id as number] = token;
  }
  // Without trailing gaps, which the first guess of the length leaves behind
  while (tokens.length > 0 && tokens[tokens.length - 1] === undefined) tokens.pop();
  return tokens;
}
