// Trains Unigram (Kudo 2018, section 3.2): starts with many pieces, estimates their probabilities by
// expectation maximization, and drops those whose loss costs the least likelihood until so many are left as
// are wanted. Every character of the text stays. Source: trainer_interface and unigram_model_trainer.cc of
// SentencePiece, and models/unigram/trainer.rs of tokenizers 0.23.2.

import { checkInteger, checkObject, wrong } from "../options.js";
import type { Json } from "../stages.js";
import { alphabetOf } from "./alphabet.js";
import { Lattice } from "./lattice.js";
import { Pace } from "./pace.js";
import { atCharacters, frequentSubstrings, type SplitWords } from "./substrings.js";
import { countWords, markedWords, type Texts, type TrainingTexts } from "./word-counts.js";

/** Options of `trainUnigram`. */
export interface UnigramTrainerOptions extends TrainingTexts {
  /** Number of pieces, special ones included. Default 8000. Fewer, when the text does not give as many. */
  vocabSize?: number;
  /** Get the first ids and the score 0. Default `<unk>`. */
  specialTokens?: readonly string[];
  /** Must be among `specialTokens`; null: there is no piece for unknown characters. Default `<unk>`. */
  unkToken?: string | null;
  /** Most characters of a piece. Default 16. */
  maxPieceLength?: number;
  /** How many pieces to start with at most. Default 1,000,000. */
  seedSize?: number;
  /** The share of pieces that stay in each round. Default 0.75. */
  shrinkingFactor?: number;
  /** Rounds of expectation maximization between two rounds of dropping. Default 2. */
  subIterations?: number;
}

/** A vocabulary that was learned. */
export interface TrainedUnigram {
  /** Pieces with their log probabilities: special ones, then the most likely first. */
  pieces: [piece: string, score: number][];
  /** The `model` of a tokenizer.json. */
  model: Json;
}

// Pieces that are expected less often than this are dropped.
const LEAST_EXPECTED = 0.5;
// How many more pieces than wanted the last round leaves, for the choice at the end.
const SURPLUS = 1.1;
// Between the scores of characters that the model gave none.
const STEP = 1e-4;

/**
 * Learns a Unigram vocabulary. The same texts and options give the same vocabulary. By default a word is what
 * is between white space with the mark U+2581 in front, as a tokenizer with `Metaspace` sees it.
 *
 * @throws AthanorError ERR_ARGUMENT (rejection): texts or options of the wrong kind, no word at all, more
 * characters than
 *   pieces wanted. ERR_ABORTED: the signal.
 * @example
 * const { model } = await trainUnigram(["some text and some more"], { vocabSize: 20 });
 */
export async function trainUnigram(
  texts: Texts,
  options: UnigramTrainerOptions = {},
): Promise<TrainedUnigram> {
  const who = "trainUnigram";
  checkOptions(who, options);
  const { specialTokens = ["<unk>"], unkToken = "<unk>", vocabSize = 8000 } = options;
  if (unkToken !== null && !specialTokens.includes(unkToken)) {
    throw wrong(who, "specialTokens", `a list with ${JSON.stringify(unkToken)}`, specialTokens);
  }
  const pace = new Pace(who, options);
  const counts = await countWords(who, texts, options.words ?? markedWords, pace);
  const characters = await alphabetOf(counts, {}, pace);
  const room = vocabSize - specialTokens.length;
  if (characters.length > room) {
    const least = characters.length + specialTokens.length;
    throw wrong(
      who,
      "vocabSize",
      `at least ${least}, the number of characters and special tokens`,
      vocabSize,
    );
  }
  const training = new UnigramTraining(await atCharacters(counts, pace), characters, room, options, pace);
  const learned = await training.run();
  const special = specialTokens.map((token): [string, number] => [token, 0]);
  const known = new Set(specialTokens);
  const pieces = [...special, ...learned.filter(([piece]) => !known.has(piece))];
  const unkId = unkToken === null ? null : specialTokens.indexOf(unkToken);
  return { pieces, model: { type: "Unigram", unk_id: unkId, vocab: pieces, byte_fallback: false } };
}

class UnigramTraining {
  readonly #split: SplitWords;
  readonly #characters: readonly string[];
  readonly #room: number;
  readonly #options: UnigramTrainerOptions;
  readonly #pace: Pace;
  #pieces: string[] = [];
  #lattice = new Lattice(0);
  // The ids of the pieces that are left
  #left: number[] = [];

  constructor(
    split: SplitWords,
    characters: readonly string[],
    room: number,
    options: UnigramTrainerOptions,
    pace: Pace,
  ) {
    this.#split = split;
    this.#characters = characters;
    this.#room = room;
    this.#options = options;
    this.#pace = pace;
  }

  async run(): Promise<[string, number][]> {
    await this.#seed();
    const wanted = Math.floor(this.#room * SURPLUS);
    for (;;) {
      for (let i = 0; i < (this.#options.subIterations ?? 2); i++) await this.#maximize();
      if (this.#left.length <= wanted) break;
      await this.#prune(wanted);
    }
    return this.#finish();
  }

  // Characters and frequent substrings, the more likely the more text they cover.
  async #seed(): Promise<void> {
    const { maxPieceLength = 16, seedSize = 1_000_000 } = this.#options;
    const pace = this.#pace;
    const substrings = await frequentSubstrings(this.#split, maxPieceLength, pace);
    const weights = new Map<string, number>(this.#characters.map((character) => [character, 0]));
    const { words, counts } = this.#split;
    for (let word = 0; word < words.length; word++) {
      for (const character of words[word]) weights.set(character, weights.get(character)! + counts[word]);
      if (pace.isDue()) await pace.rest("make seeds", word, words.length);
    }
    const scored = Float64Array.from(substrings, ([text, count]) => [...text].length * count);
    const least = threshold(scored, Math.max(seedSize - weights.size, 0));
    let at = 0;
    for (const text of substrings.keys()) {
      if (scored[at] >= least && weights.size < seedSize) weights.set(text, scored[at]);
      at++;
      if (pace.isDue()) await pace.rest("make seeds", at, scored.length);
    }
    let sum = 0;
    for (const weight of weights.values()) sum += weight;
    this.#pieces = [...weights.keys()];
    this.#lattice = new Lattice(weights.size);
    let id = 0;
    for (const [piece, weight] of weights) {
      this.#lattice.add(piece, id, Math.log(weight) - Math.log(sum));
      this.#left.push(id++);
      if (pace.isDue()) await pace.rest("make seeds", id, weights.size);
    }
    pace.finish("make seeds", weights.size);
  }

  // One round of expectation maximization, with the digamma function as in variational Bayes.
  async #maximize(): Promise<void> {
    const { words, counts } = this.#split;
    const pace = this.#pace;
    const expected = new Float64Array(this.#pieces.length);
    for (let word = 0; word < words.length; word++) {
      this.#lattice.expect(words[word], counts[word], expected);
      if (pace.isDue()) await pace.rest("estimate", word, words.length);
    }
    const { scores } = this.#lattice;
    const kept: number[] = [];
    let sum = 0;
    for (const id of this.#left) {
      // Characters come first and always stay
      if (id < this.#characters.length) expected[id] = Math.max(expected[id], LEAST_EXPECTED);
      if (expected[id] < LEAST_EXPECTED) {
        scores[id] = Number.NEGATIVE_INFINITY;
        continue;
      }
      kept.push(id);
      sum += expected[id];
    }
    for (const id of kept) scores[id] = digamma(expected[id]) - digamma(sum);
    this.#left = kept;
    pace.finish("estimate", words.length);
  }

  async #prune(wanted: number): Promise<void> {
    const { shrinkingFactor = 0.75 } = this.#options;
    const size = Math.max(wanted, Math.floor(shrinkingFactor * this.#left.length));
    const losses = await this.#losses();
    const finite = Float64Array.from([...losses.values()].filter((loss) => loss < Number.POSITIVE_INFINITY));
    let room = Math.max(size - (losses.size - finite.length), 0);
    const least = threshold(finite, room);
    const { scores } = this.#lattice;
    const kept: number[] = [];
    for (const id of this.#left) {
      const loss = losses.get(id) ?? Number.NEGATIVE_INFINITY;
      const stays = loss === Number.POSITIVE_INFINITY || (loss >= least && room-- > 0);
      if (stays) kept.push(id);
      else scores[id] = Number.NEGATIVE_INFINITY;
    }
    this.#left = kept;
  }

  // What it would cost in likelihood to write each piece by other ones. Infinity: it cannot be; none: it is
  // not used.
  async #losses(): Promise<Map<number, number>> {
    const { words, counts } = this.#split;
    const pace = this.#pace;
    const lattice = this.#lattice;
    const uses = new Float64Array(this.#pieces.length);
    const within = new Float64Array(this.#pieces.length);
    let total = 0;
    for (let word = 0; word < words.length; word++) {
      lattice.best(words[word]);
      total += counts[word];
      for (const id of lattice.path) uses[id] += counts[word];
      for (const id of new Set(lattice.path)) within[id] += counts[word];
      if (pace.isDue()) await pace.rest("prune", word, words.length);
    }
    let sum = 0;
    for (const use of uses) sum += use;
    const losses = new Map<number, number>();
    for (const id of this.#left) {
      if (pace.isDue()) await pace.rest("prune", losses.size, this.#left.length);
      const score = lattice.best(this.#pieces[id], id);
      if (id < this.#characters.length || score === Number.NEGATIVE_INFINITY) {
        losses.set(id, Number.POSITIVE_INFINITY);
        continue;
      }
      if (uses[id] === 0) {
        // Kept at first if it is its own best way, to be judged below, which gives it no loss
        if (score <= lattice.scores[id]) losses.set(id, 0);
        continue;
      }
      const { path } = lattice;
      const logSum = Math.log(sum + uses[id] * (path.length - 1));
      let instead = 0;
      for (const other of path) instead += Math.log(uses[other] + uses[id]) - logSum;
      losses.set(id, (within[id] / total) * (Math.log(uses[id]) - Math.log(sum) - instead));
    }
    pace.finish("prune", this.#left.length);
    return losses;
  }

  // All characters, then the most likely pieces.
  #finish(): [string, number][] {
    const { scores } = this.#lattice;
    let least = 0;
    for (const id of this.#left) least = Math.min(least, scores[id]);
    const chosen: [string, number][] = [];
    for (let id = 0; id < this.#characters.length; id++) {
      const score = scores[id] === Number.NEGATIVE_INFINITY ? least - STEP * (id + 1) : scores[id];
      chosen.push([this.#pieces[id], score]);
    }
    const others = this.#left
      .filter((id) => id >= this.#characters.length)
      .map((id): [string, number] => [this.#pieces[id], scores[id]])
      .sort(byScore);
    return [...chosen, ...others.slice(0, this.#room - chosen.length)].sort(byScore);
  }
}

function byScore(a: [string, number], b: [string, number]): number {
  return b[1] - a[1] || (a[0] < b[0] ? -1 : 1);
}

// The least of the `count` greatest values.
function threshold(values: Float64Array, count: number): number {
  if (values.length <= count) return Number.NEGATIVE_INFINITY;
  if (count === 0) return Number.POSITIVE_INFINITY;
  return values.slice().sort()[values.length - count];
}

// The derivative of the logarithm of the gamma function (Abramowitz and Stegun 6.3.5, 6.3.18).
function digamma(value: number): number {
  let x = value;
  let result = 0;
  for (; x < 7; x++) result -= 1 / x;
  x -= 0.5;
  const square = 1 / (x * x);
  return (
    result +
    Math.log(x) +
    square * (1 / 24 - square * (7 / 960 - square * (31 / 8064 - (square * 127) / 30720)))
  );
}

function checkOptions(who: string, options: UnigramTrainerOptions): void {
  checkObject(who, options);
  for (const name of ["vocabSize", "maxPieceLength", "seedSize", "subIterations"] as const) {
    if (options[name] !== undefined) checkInteger(who, name, options[name], 1);
  }
  const { shrinkingFactor = 0.75, specialTokens = [] } = options;
  if (!(shrinkingFactor > 0 && shrinkingFactor < 1)) {
    throw wrong(who, "shrinkingFactor", "a number between 0 and 1", shrinkingFactor);
  }
  const isList =
    Array.isArray(specialTokens) && specialTokens.every((token) => typeof token === "string" && token !== "");
  if (!isList) throw wrong(who, "specialTokens", "an array of strings", specialTokens);
}
