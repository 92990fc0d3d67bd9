// Beam search and beam sampling over one source, with the results of `_beam_search` in Transformers 5.18: the same
// candidates, bounds and order, in f32. Hypotheses that cannot be chosen any more are not computed, which the original
// does with scores of -1e9.
import { Random } from "../tensor/random-stream.js";
import type { Hypothesis } from "./hypothesis.js";
import type { Source } from "./next-token-model.js";
import { type Candidate, drawCandidates, type RowScores, topCandidates } from "./row-scores.js";
import { nothingAllowed, type Search, type SearchParts, type Sequence } from "./search.js";

const { fround } = Math;

/** What a place that was never filled scores; half of it is worse than any sum of log-probabilities. */
const unfilled = -1e9;

interface Finished extends Sequence {
  score: number;
}

export class BeamSearch<State> implements Search<State> {
  readonly source: Source;
  readonly chosen = [];
  hypotheses: Hypothesis<State>[];
  readonly #parts: SearchParts<State>;
  readonly #promptLength: number;
  readonly #prompt: Int32Array;
  /** f32, sums of log-probabilities. */
  #totals: number[] = [0];
  /** Best first, at most numBeams. */
  #finished: Finished[] = [];

  constructor(parts: SearchParts<State>) {
    this.#parts = parts;
    this.source = parts.source;
    this.hypotheses = [parts.first];
    this.#promptLength = parts.first.length;
    this.#prompt = parts.first.tokens.slice();
  }

  /** Continuations looked at: enough to go on where the best of every beam is an end. */
  get candidates(): number {
    const { numBeams, eosTokenIds } = this.#parts.settings;
    return Math.max(2, 1 + eosTokenIds.length) * numBeams;
  }

  advance(rows: readonly RowScores[]): void {
    const { settings, stopping } = this.#parts;
    const { numBeams } = settings;
    const parents = this.hypotheses;
    const { length } = parents[0];
    const candidates = this.#candidates(rows, length).filter(({ score }) => score > unfilled / 2);
    if (candidates.length === 0 && this.#finished.length === 0)
      throw nothingAllowed(this.source.example, length);
    const running: Candidate[] = [];
    const tokens = new Int32Array(length + 1);
    candidates.forEach((candidate, rank) => {
      tokens.set(parents[candidate.parent].tokens);
      tokens[length] = candidate.token;
      if (!stopping.ended(tokens, this.#promptLength, this.source.maxLength)) running.push(candidate);
      else if (rank < numBeams) this.#finish(candidate, parents[candidate.parent], tokens.slice());
    });
    // Drawn candidates are not in order.
    running.sort((a, b) => b.score - a.score);
    running.length = Math.min(running.length, numBeams);
    this.#continue(this.#mayImprove(running, length + 1) ? running : [], parents);
  }

  #candidates(rows: readonly RowScores[], length: number): Candidate[] {
    const { doSample, seed } = this.#parts.settings;
    if (!doSample) return topCandidates(rows, this.#totals, this.candidates);
    const random = new Random(seed, { epoch: this.source.example, step: length });
    return drawCandidates(rows, this.#totals, this.candidates, random);
  }

  #finish({ tokenScore, score }: Candidate, parent: Hypothesis<State>, tokens: Int32Array): void {
    const { numBeams, lengthPenalty } = this.#parts.settings;
    const length = tokens.length - this.#promptLength;
    const found: Finished = {
      tokens,
      score: fround(score / fround(length ** lengthPenalty)),
      logProbabilities: Float32Array.from([...parent.logProbabilities, tokenScore]),
    };
    let at = this.#finished.length;
    while (at > 0 && this.#finished[at - 1].score < found.score) at--;
    this.#finished.splice(at, 0, found);
    this.#finished.length = Math.min(this.#finished.length, numBeams);
  }

  /** Whether a hypothesis that goes on may become one of the best; by the bounds of `_check_early_stop_heuristic`. */
  #mayImprove(running: readonly Candidate[], length: number): boolean {
    const { numBeams, earlyStopping, lengthPenalty } = this.#parts.settings;
    if (running.length === 0) return false;
    if (this.#finished.length < numBeams) return true;
    if (earlyStopping === true) return false;
    const longest = earlyStopping === "never" && lengthPenalty > 0;
    const generated = (longest ? this.source.maxLength : length) - this.#promptLength;
    const bound = fround(running[0].score / fround(generated ** lengthPenalty));
    return bound > this.#finished[numBeams - 1].score;
  }

  /** The first child of a hypothesis goes on with its state, further ones with forks of it. */
  #continue(running: readonly Candidate[], parents: readonly Hypothesis<State>[]): void {
    const { model } = this.#parts;
    const taken = new Set<number>();
    const states = running.map(({ parent }) => {
      const { state } = parents[parent];
      if (taken.has(parent)) return model.fork(state);
      taken.add(parent);
      return state;
    });
    parents.forEach(({ state }, i) => {
      if (!taken.has(i)) model.drop(state);
    });
    this.hypotheses = running.map(({ parent, token, tokenScore }, i) =>
      parents[parent].extended(token, tokenScore, states[i]),
    );
    this.#totals = running.map(({ score }) => score);
  }

  /** numReturnSequences of them; where there are not so many, the prompt alone, scored -1e9, as the original gives. */
  results(): Sequence[] {
    const { numReturnSequences } = this.#parts.settings;
    const missing = { tokens: this.#prompt, logProbabilities: new Float32Array(0), score: unfilled };
    return Array.from({ length: numReturnSequences }, (_, i) => this.#finished[i] ?? missing);
  }
}
