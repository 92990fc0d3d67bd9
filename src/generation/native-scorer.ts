// The processors and the choice of the best in two native commands, of which a few numbers per hypothesis are read back.
import { AthanorError } from "../errors.js";
import {
  type ProcessLogitsOptions,
  processLogits,
  type TokenLists,
  type TopK,
  topK,
} from "../tensor/ops/decoding.js";
import { computed } from "../tensor/scope.js";
import { type Tensor, type TensorData, tensor } from "../tensor/tensor.js";
import { completions, requireAllowed } from "./processors/bans.js";
import { leastKept } from "./processors/list.js";
import { bannedWords } from "./processors/penalties.js";
import type { LogitsContext } from "./processors/processor.js";
import type { RowScores } from "./row-scores.js";
import { contextOf, type Scorer } from "./scorer.js";
import type { Search } from "./search.js";
import type { Settings } from "./settings.js";

/** The most that top_k chooses from a row on CUDA. */
const mostOnGpu = 1024;

/** With more bans than that, rows are changed. */
const mostBansAlone = 64;

const forbidden = Number.NEGATIVE_INFINITY;

/** Whether all that is asked for has a native step, and none of these depend on what others forbid. */
export function isNative(settings: Settings): boolean {
  const { sequenceBias, encoderRepetitionPenalty, exponentialDecayLengthPenalty, processors } = settings;
  const {
    epsilonCutoff,
    etaCutoff,
    forcedEosTokenIds = [],
    forcedBosTokenId,
    beginSuppressTokens,
  } = settings;
  const one = (penalty: number | null | undefined) => (penalty ?? 1) === 1;
  if (sequenceBias?.length || !one(encoderRepetitionPenalty) || exponentialDecayLengthPenalty) return false;
  if (processors?.length || settings.removeInvalidValues) return false;
  if (settings.doSample && (epsilonCutoff || etaCutoff)) return false;
  if (forcedEosTokenIds.length > 1) return false;
  // At the begin what is suppressed comes after what is forced, natively before.
  const forced = [...forcedEosTokenIds, ...(typeof forcedBosTokenId === "number" ? [forcedBosTokenId] : [])];
  if (beginSuppressTokens?.some((id) => forced.includes(id))) return false;
  return !settings.prefixAllowedTokens || !forbidsTokens(settings);
}

/** Whether a constraint may meet rows in which others forbid all that it allows: then it wins, on the host alone. */
function forbidsTokens(settings: Settings): boolean {
  const { noRepeatNgramSize, encoderNoRepeatNgramSize, badWordsIds, minLength, minNewTokens } = settings;
  return Boolean(
    noRepeatNgramSize || encoderNoRepeatNgramSize || badWordsIds?.length || minLength || minNewTokens,
  );
}

function longest(lists: readonly ArrayLike<unknown>[]): number {
  return lists.reduce((most, { length }) => Math.max(most, length), 0);
}

/** What is left of the best of a row. */
function without(list: RowScores & { ids: Int32Array }, bans: readonly number[]): RowScores {
  if (!list.ids.some((id) => bans.includes(id))) return list;
  const kept = (_: number, place: number) => !bans.includes(list.ids[place]);
  return { ...list, ids: list.ids.filter(kept), scores: list.scores.filter(kept) };
}

interface Row {
  tokens: Int32Array;
  context: LogitsContext;
}

export class NativeScorer implements Scorer {
  readonly #settings: Settings;
  readonly #badWords: readonly (readonly number[])[];
  readonly #leastKept: number;
  /** Whether the best token is the one that is chosen. */
  readonly #greedy: boolean;
  /** Whether beams ask for no more than that some tokens be left out. */
  readonly #onlyBans: boolean;
  /** Those of every row. */
  readonly #alwaysBanned: readonly number[];

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#badWords = bannedWords(settings.badWordsIds ?? [], settings.eosTokenIds);
    this.#leastKept = leastKept(settings);
    const { numBeams, doSample, renormalizeLogits, repetitionPenalty, noRepeatNgramSize } = settings;
    this.#greedy = numBeams === 1 && !doSample;
    this.#onlyBans =
      numBeams > 1 &&
      !(doSample || renormalizeLogits || noRepeatNgramSize || settings.prefixAllowedTokens) &&
      (repetitionPenalty ?? 1) === 1 &&
      this.#badWords.every(({ length }) => length === 1);
    this.#alwaysBanned = [...(settings.suppressTokens ?? []), ...this.#badWords.flat()];
  }

  async score<State>(
    logits: Tensor,
    searches: readonly Search<State>[],
    onTokens?: (tokens: Tensor) => void,
  ): Promise<RowScores[][]> {
    const rows = searches.flatMap((search) => {
      const context = contextOf(search);
      return search.hypotheses.map(({ tokens }) => ({ tokens, context }));
    });
    const found = await this.#rows(logits, rows, onTokens);
    return searches.map(({ hypotheses }) => found.splice(0, hypotheses.length));
  }

  async #rows(
    logits: Tensor,
    rows: readonly Row[],
    onTokens: ((tokens: Tensor) => void) | undefined,
  ): Promise<RowScores[]> {
    const [, vocabulary] = logits.shape;
    const most = logits.device === "cpu" ? vocabulary : mostOnGpu;
    const wanted = this.#wanted(vocabulary, most);
    const bans = wanted && this.#bansAlone(rows, Math.min(mostBansAlone, most - wanted));
    const looked = wanted && Math.min(wanted + (bans ? longest(bans) : 0), vocabulary);
    const best = computed(() =>
      bans ? topK(logits, looked!, { logSoftmax: true }) : this.#enqueue(logits, rows, wanted),
    );
    if (!best || looked === undefined) return this.#all(logits, vocabulary);
    const [values, indices] = await this.#read(best, this.#greedy ? onTokens : undefined);
    const lists = rows.map((_, i) => ({
      ids: (indices as Int32Array).subarray(i * looked, (i + 1) * looked),
      scores: (values as Float32Array).subarray(i * looked, (i + 1) * looked),
      logSum: 0,
    }));
    // Sampling leaves more than topK where several equal the last one. NaN: the model's, or of a row of -Infinity.
    const more = ({ scores }: RowScores) => looked < vocabulary && scores[looked - 1] !== forbidden;
    const doubtful = lists.some(({ scores }) => Number.isNaN(scores[0]));
    const tooFew = this.#settings.doSample && lists.some(more);
    if (!doubtful && !tooFew) return bans ? lists.map((list, i) => without(list, bans[i])) : lists;
    if (bans) computed(() => this.#process(logits, this.#steps(rows, vocabulary, logits.device)));
    return this.#all(logits, vocabulary);
  }

  /** Reads are enqueued first: what `onTokens` adds comes after them. */
  async #read(
    { values, indices }: TopK,
    onTokens: ((tokens: Tensor) => void) | undefined,
  ): Promise<[TensorData, TensorData]> {
    const reads = Promise.all([values.data(), indices.data()]);
    reads.catch(() => {}); // awaited below, unless onTokens throws
    try {
      if (onTokens) computed(() => onTokens(indices.reshape([indices.size])));
      return await reads;
    } finally {
      values.dispose();
      indices.dispose();
    }
  }

  /**
   * What each row may not get, where bans are all that beams ask for. By looking at so many more of the best, the rows
   * need not be changed.
   */
  #bansAlone(rows: readonly Row[], most: number): number[][] | undefined {
    if (!this.#onlyBans || this.#alwaysBanned.length > most) return undefined;
    if (rows.some((row) => this.#forced(row) >= 0)) return undefined;
    const bans = rows.map((row) => [...this.#alwaysBanned, ...this.#banned(row)]);
    return longest(bans) <= most ? bans : undefined;
  }

  /** Changes the logits; gives the best of each row where not all of it is wanted. */
  #enqueue(logits: Tensor, rows: readonly Row[], wanted: number | undefined): TopK | undefined {
    const steps = this.#steps(rows, logits.shape[1], logits.device);
    const changed = Object.keys(steps).length > 0;
    // Beams add up log-probabilities, which the processors change; without beams they see logits.
    const first = this.#settings.numBeams > 1 && (changed || wanted === undefined);
    if (first) this.#process(logits, steps);
    else if (changed) processLogits(logits, steps);
    return wanted === undefined ? undefined : topK(logits, wanted, { logSoftmax: !first });
  }

  /** Makes log-probabilities of beams' logits and changes these. */
  #process(logits: Tensor, steps: ProcessLogitsOptions): void {
    const last = this.#settings.renormalizeLogits && Object.keys(steps).length > 0;
    processLogits(logits, { ...steps, logSoftmax: last ? "both" : "first" });
  }

  /** How many of each row can matter; undefined: any number. */
  #wanted(vocabulary: number, most: number): number | undefined {
    const { doSample, numBeams, topK: k, eosTokenIds } = this.#settings;
    if (doSample && k === 0) return undefined;
    const beams = Math.max(2, 1 + eosTokenIds.length) * numBeams;
    const sampled = Math.max(k, this.#leastKept) + 1;
    const wanted = Math.min(doSample ? sampled : numBeams === 1 ? 1 : beams, vocabulary);
    return wanted > most ? undefined : wanted;
  }

  async #all(logits: Tensor, vocabulary: number): Promise<RowScores[]> {
    const data = (await logits.data()) as Float32Array;
    if (data.some(Number.isNaN)) {
      throw new AthanorError("ERR_DATA", "generate: needs logits that are numbers, the model gives NaN");
    }
    return Array.from({ length: data.length / vocabulary }, (_, i) => ({
      scores: data.subarray(i * vocabulary, (i + 1) * vocabulary),
    }));
  }

  /** The steps that concern any of these rows now. */
  #steps(rows: readonly Row[], vocabulary: number, device: string): ProcessLogitsOptions {
    const { repetitionPenalty = 1, noRepeatNgramSize, suppressTokens, prefixAllowedTokens } = this.#settings;
    const upload = (values: ArrayLike<number>, shape: number[]) =>
      tensor(Int32Array.from(values), shape, { device: device as "cpu" });
    const lists = (all: readonly (readonly number[])[]): TokenLists => {
      const offsets = [0];
      for (const list of all) offsets.push(offsets[offsets.length - 1] + list.length);
      return { ids: upload(all.flat(), [offsets[all.length]]), offsets: upload(offsets, [offsets.length]) };
    };
    const steps: ProcessLogitsOptions = {};
    if (repetitionPenalty !== 1) steps.repetitionPenalty = repetitionPenalty as number;
    if (noRepeatNgramSize) steps.noRepeatNgramSize = noRepeatNgramSize;
    if (this.#badWords.length > 0) steps.badWords = lists(this.#badWords);
    if (Object.keys(steps).length > 0) {
      const longest = Math.max(...rows.map(({ tokens }) => tokens.length));
      const history = new Int32Array(rows.length * longest);
      rows.forEach(({ tokens }, i) => {
        history.set(tokens, i * longest);
      });
      steps.history = upload(history, [rows.length, longest]);
      steps.historyLengths = upload(
        rows.map(({ tokens }) => tokens.length),
        [rows.length],
      );
    }
    const banned = rows.map((row) => this.#banned(row));
    if (banned.some((ids) => ids.length > 0)) steps.banned = lists(banned);
    if (prefixAllowedTokens) {
      steps.allowed = lists(
        rows.map(({ tokens, context }) => [
          ...requireAllowed(prefixAllowedTokens, context.example, tokens, vocabulary),
        ]),
      );
    }
    const forced = rows.map((row) => this.#forced(row));
    if (forced.some((id) => id >= 0)) steps.forced = upload(forced, [rows.length]);
    const suppressed = (suppressTokens ?? []).filter((id) => id < vocabulary);
    if (suppressed.length > 0) steps.suppressed = upload(suppressed, [suppressed.length]);
    return this.#settings.doSample ? { ...steps, ...this.#sampling() } : steps;
  }

  #banned({ tokens, context }: Row): number[] {
    const { minLength, minNewTokens, eosTokenIds, encoderNoRepeatNgramSize } = this.#settings;
    const { beginSuppressTokens, forcedBosTokenId } = this.#settings;
    const { promptLength, sourceIds } = context;
    const early = tokens.length < (minLength ?? 0) || tokens.length - promptLength < (minNewTokens ?? 0);
    const ids = early ? [...eosTokenIds] : [];
    if (encoderNoRepeatNgramSize) ids.push(...completions(sourceIds, tokens, encoderNoRepeatNgramSize));
    const afterForced = promptLength === 1 && typeof forcedBosTokenId === "number";
    if (tokens.length === promptLength + (afterForced ? 1 : 0)) ids.push(...(beginSuppressTokens ?? []));
    return ids;
  }

  /** The one token that must come, or -1. */
  #forced({ tokens, context }: Row): number {
    const { forcedBosTokenId, forcedEosTokenIds } = this.#settings;
    if (forcedEosTokenIds && tokens.length === context.maxLength - 1) return forcedEosTokenIds[0];
    return typeof forcedBosTokenId === "number" && tokens.length === 1 ? forcedBosTokenId : -1;
  }

  #sampling(): ProcessLogitsOptions {
    const { temperature, topK: k, topP, minP, typicalP } = this.#settings;
    const steps: ProcessLogitsOptions = {};
    if (temperature !== 1) steps.temperature = temperature;
    if (k > 0) steps.topK = Math.max(k, this.#leastKept);
    if (topP < 1) steps.topP = topP;
    if (typeof minP === "number") steps.minP = minP;
    if (typicalP < 1) steps.typicalP = typicalP;
    if (Object.keys(steps).length > 0) steps.minTokensToKeep = this.#leastKept;
    return steps;
  }
}
