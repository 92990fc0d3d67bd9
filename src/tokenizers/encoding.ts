// The result of a tokenizer: parallel arrays with one entry per token (two per token in `offsets`).

/** What an Encoding is made of. `words` and `sequences` have -1 where there is none. */
export interface EncodingFields {
  ids: Int32Array;
  typeIds: Int32Array;
  attentionMask: Int32Array;
  specialTokensMask: Int32Array;
  offsets: Int32Array;
  words: Int32Array;
  sequences: Int32Array;
  overflowing: Encoding[];
  /** The text of unknown tokens by their place, where the model shows it instead of its unknown token. */
  texts: Map<number, string> | null;
}

/** Finds the token of an id. */
export type TokenLookup = (id: number) => string | undefined;

/** The names of the arrays in a fixed order. */
export const ARRAY_FIELDS = [
  "ids",
  "typeIds",
  "attentionMask",
  "specialTokensMask",
  "offsets",
  "words",
  "sequences",
] as const;

/**
 * One encoded text, or pair of texts. Can be handed to a model as an example (`ids` and `typeIds` are read).
 *
 * `tokens`, `wordIds` and `sequenceIds` are made when first asked for; they are not copied by `{ ...encoding
 * }`.
 */
export class Encoding {
  /** Token ids. */
  readonly ids: Int32Array;
  /** 0 for the first text and its special tokens, 1 for the second; 0 for padding. */
  readonly typeIds: Int32Array;
  /** 1 for tokens, 0 for padding. */
  readonly attentionMask: Int32Array;
  /** 1 for special tokens that the tokenizer added, and for padding; 0 for those found in the text. */
  readonly specialTokensMask: Int32Array;
  /**
   * Start and end of each token, two numbers per token, in UTF-16 code units of the text it comes from (of
   * the word, where the text came split into words); 0, 0 for added special tokens and padding.
   */
  readonly offsets: Int32Array;
  /** The further windows of a truncated text, if `returnOverflow` was set. Their own list is empty. */
  readonly overflowing: Encoding[];

  readonly #words: Int32Array;
  readonly #sequences: Int32Array;
  readonly #texts: Map<number, string> | null;
  readonly #lookup: TokenLookup;
  #tokens: string[] | null = null;
  #wordIds: (number | null)[] | null = null;
  #sequenceIds: (number | null)[] | null = null;

  /** Made by a tokenizer. */
  constructor(fields: EncodingFields, lookup: TokenLookup) {
    this.ids = fields.ids;
    this.typeIds = fields.typeIds;
    this.attentionMask = fields.attentionMask;
    this.specialTokensMask = fields.specialTokensMask;
    this.offsets = fields.offsets;
    this.overflowing = fields.overflowing;
    this.#words = fields.words;
    this.#sequences = fields.sequences;
    this.#texts = fields.texts;
    this.#lookup = lookup;
  }

  /** The number of tokens. */
  get length(): number {
    return this.ids.length;
  }

  /**
   * The tokens as text: those of the vocabulary, but an unknown token of Unigram and an added token as found
   * in the text.
   */
  get tokens(): string[] {
    if (this.#tokens === null) {
      const { ids } = this;
      const tokens: string[] = new Array(ids.length);
      for (let i = 0; i < ids.length; i++) tokens[i] = this.#lookup(ids[i]) ?? "";
      if (this.#texts !== null) for (const [at, text] of this.#texts) tokens[at] = text;
      this.#tokens = tokens;
    }
    return this.#tokens;
  }

  /** For each token the number of its word in its text, null for added special tokens and padding. */
  get wordIds(): (number | null)[] {
    this.#wordIds ??= nullable(this.#words);
    return this.#wordIds;
  }

  /** For each token 0 (first text) or 1 (second), null for added special tokens and padding. */
  get sequenceIds(): (number | null)[] {
    this.#sequenceIds ??= nullable(this.#sequences);
    return this.#sequenceIds;
  }

  /**
   * The token that the character at a position of a text (UTF-16 code units) belongs to, or null when none
   * does, as for white space. Of several, the first.
   */
  charToToken(position: number, sequence: 0 | 1 = 0): number | null {
    const { offsets } = this;
    for (let i = 0; i < this.ids.length; i++) {
      if (this.#sequences[i] !== sequence) continue;
      if (offsets[2 * i] <= position && position < offsets[2 * i + 1]) return i;
    }
    return null;
  }

  /** Start and end of a token in its text, or null for added special tokens, padding and no token at all. */
  tokenToChars(token: number): [start: number, end: number] | null {
    if (!(this.#sequences[token] >= 0)) return null;
    return [this.offsets[2 * token], this.offsets[2 * token + 1]];
  }

  /** First token of a word of a text, and the token after its last one; or null when it has none. */
  wordToTokens(word: number, sequence: 0 | 1 = 0): [start: number, end: number] | null {
    let range: [number, number] | null = null;
    for (let i = 0; i < this.ids.length; i++) {
      if (this.#sequences[i] !== sequence || this.#words[i] !== word) continue;
      range = [range?.[0] ?? i, i + 1];
    }
    return range;
  }

  /** The arrays as they are, for padding and for the way to another thread. */
  static fields(encoding: Encoding): EncodingFields {
    return {
      ids: encoding.ids,
      typeIds: encoding.typeIds,
      attentionMask: encoding.attentionMask,
      specialTokensMask: encoding.specialTokensMask,
      offsets: encoding.offsets,
      words: encoding.#words,
      sequences: encoding.#sequences,
      texts: encoding.#texts,
      overflowing: encoding.overflowing,
    };
  }
}

/** Arrays for `length` tokens, all zero; no word, no sequence. */
export function emptyFields(length: number): EncodingFields {
  return {
    ids: new Int32Array(length),
    typeIds: new Int32Array(length),
    attentionMask: new Int32Array(length),
    specialTokensMask: new Int32Array(length),
    offsets: new Int32Array(2 * length),
    words: new Int32Array(length).fill(-1),
    sequences: new Int32Array(length).fill(-1),
    overflowing: [],
    texts: null,
  };
}

// A loop, as `Array.from` with a function takes ten times as long.
function nullable(values: Int32Array): (number | null)[] {
  const result: (number | null)[] = new Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = values[i] < 0 ? null : values[i];
  return result;
}
