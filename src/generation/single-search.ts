// Greedy search and sampling: every sequence of a source is on its own. They share the first step, which is the
// prompt's.
import { Random } from "../tensor/random-stream.js";
import type { Hypothesis } from "./hypothesis.js";
import type { Source } from "./next-token-model.js";
import { best, draw, type RowScores } from "./row-scores.js";
import { type Chosen, nothingAllowed, type Search, type SearchParts, type Sequence } from "./search.js";

export class SingleSearch<State> implements Search<State> {
  readonly source: Source;
  hypotheses: Hypothesis<State>[];
  chosen: Chosen[] = [];
  readonly #parts: SearchParts<State>;
  readonly #promptLength: number;
  /** By number of the return sequence. */
  readonly #finished: Sequence[] = [];
  /** Number of the return sequence of each hypothesis. */
  #numbers: number[];

  constructor(parts: SearchParts<State>) {
    this.#parts = parts;
    this.source = parts.source;
    this.hypotheses = [parts.first];
    this.#promptLength = parts.first.length;
    this.#numbers = [0];
  }

  advance(rows: readonly RowScores[]): void {
    const { settings, model } = this.#parts;
    const parents = this.hypotheses;
    const first = parents[0].length === this.#promptLength;
    // One hypothesis becomes all at the first token.
    const numbers = first ? Array.from({ length: settings.numReturnSequences }, (_, i) => i) : this.#numbers;
    const forks = numbers.map((_, i) => {
      const { state } = parents[first ? 0 : i];
      return first && i > 0 ? model.fork(state) : state;
    });
    this.chosen = [];
    this.hypotheses = [];
    this.#numbers = [];
    numbers.forEach((number, i) => {
      const parent = parents[first ? 0 : i];
      const choice = this.#choose(rows[first ? 0 : i], number, parent.length);
      this.chosen.push(choice);
      this.#take(parent.extended(choice.token, choice.logProbability, forks[i]), number);
    });
  }

  #choose(row: RowScores, number: number, length: number): Chosen {
    const { doSample, seed } = this.#parts.settings;
    // A stream for every token: what is drawn depends on no other sequence.
    const place = { epoch: this.source.example, batch: number, step: length };
    const choice = doSample ? draw(row, new Random(seed, place)) : best(row);
    if (!choice) throw nothingAllowed(this.source.example, length);
    return choice;
  }

  #take(hypothesis: Hypothesis<State>, number: number): void {
    const { stopping, model } = this.#parts;
    if (!stopping.ended(hypothesis.tokens, this.#promptLength, this.source.maxLength)) {
      this.hypotheses.push(hypothesis);
      this.#numbers.push(number);
      return;
    }
    model.drop(hypothesis.state);
    this.#finished[number] = {
      tokens: hypothesis.tokens.slice(),
      logProbabilities: hypothesis.logProbabilities.slice(),
    };
  }

  results(): Sequence[] {
    return this.#finished;
  }
}
