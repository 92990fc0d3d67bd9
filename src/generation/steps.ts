// One step of the model for all hypotheses after another. Where the device knows the tokens before the host does, as in
// greedy search, the next step is enqueued before they are read: the device computes while the host chooses.
import { gatherRows } from "../tensor/ops/shape.js";
import { computed } from "../tensor/scope.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import type { NextTokenModel } from "./next-token-model.js";
import type { RowScores } from "./row-scores.js";
import type { Scorer } from "./scorer.js";
import type { Search } from "./search.js";

/** A step that was enqueued before its tokens were read. */
interface Ahead<State> {
  searches: readonly Search<State>[];
  /** A row for each of them, whether it ended meanwhile or not. */
  logits: Tensor;
}

/** Whether every search goes on with the one best token of its one hypothesis, unless that ends it. */
function mayRunAhead<State>(searches: readonly Search<State>[]): boolean {
  return searches.every(
    ({ hypotheses, source }) => hypotheses.length === 1 && hypotheses[0].length + 1 < source.maxLength,
  );
}

export class Steps<State> {
  readonly #model: NextTokenModel<State>;
  readonly #scorer: Scorer;
  #ahead: Ahead<State> | undefined;

  constructor(model: NextTokenModel<State>, scorer: Scorer) {
    this.#model = model;
    this.#scorer = scorer;
  }

  /**
   * Scores of the tokens after each hypothesis, by search.
   *
   * @param searches after a step ahead: those of it that have not ended
   * @param alone whether nobody joins them before their next step
   */
  async next(searches: readonly Search<State>[], alone: boolean): Promise<RowScores[][]> {
    const logits = this.#taken(searches) ?? this.#step(searches);
    const begin = alone && this.#model.stepAhead !== undefined && mayRunAhead(searches);
    const onTokens = (tokens: Tensor) => {
      const states = searches.map(({ hypotheses }) => hypotheses[0].state);
      this.#ahead = { searches, logits: this.#model.stepAhead!(states, tokens) };
    };
    try {
      return await this.#scorer.score(logits, searches, begin ? onTokens : undefined);
    } finally {
      logits.dispose();
    }
  }

  #step(searches: readonly Search<State>[]): Tensor {
    const hypotheses = searches.flatMap((search) => search.hypotheses);
    const logits = this.#model.step(
      hypotheses.map(({ state }) => state),
      hypotheses.map(({ pending }) => pending),
    );
    for (const hypothesis of hypotheses) hypothesis.stepped();
    return logits;
  }

  /** The rows of the step ahead, if there is one, of those that go on. */
  #taken(searches: readonly Search<State>[]): Tensor | undefined {
    const ahead = this.#ahead;
    if (!ahead) return undefined;
    this.#ahead = undefined;
    for (const { hypotheses } of searches) hypotheses[0].stepped();
    if (ahead.searches.length === searches.length) return ahead.logits;
    const going = new Set(searches);
    const rows = ahead.searches.flatMap((search, row) => (going.has(search) ? [row] : []));
    const device = ahead.logits.device as "cpu";
    const left = computed(() =>
      gatherRows(ahead.logits, tensor(Int32Array.from(rows), [rows.length], { device })),
    );
    ahead.logits.dispose();
    return left;
  }

  /** Frees a step that nobody waits for any more. */
  dispose(): void {
    this.#ahead?.logits.dispose();
    this.#ahead = undefined;
  }
}
