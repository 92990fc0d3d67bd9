// From logits on the device to scores that a search can choose from, on the host.
import type { Tensor } from "../tensor/tensor.js";
import { type AnyProcessor, applyProcessors, processorsOf } from "./processors/list.js";
import { LogSoftmax } from "./processors/normalize.js";
import type { LogitsContext } from "./processors/processor.js";
import type { RowScores } from "./row-scores.js";
import type { Search } from "./search.js";
import type { Settings } from "./settings.js";

export interface Scorer {
  /**
   * @param logits (N, V), the hypotheses of all searches in order
   * @param onTokens called before anything is read, if the device knows by then which token each hypothesis gets: i32 (N),
   *   freed when it returns. Then no other token is chosen; an error may still come
   * @returns rows by search
   */
  score<State>(
    logits: Tensor,
    searches: readonly Search<State>[],
    onTokens?: (tokens: Tensor) => void,
  ): Promise<RowScores[][]>;
}

export function contextOf<State>({ source }: Search<State>): LogitsContext {
  const { example, prompt, maxLength, inputIds } = source;
  return { example, promptLength: prompt.length, maxLength, sourceIds: inputIds ?? prompt };
}

/** Reads all logits and runs the processors in TypeScript: the reference, and the way of users' own processors. */
export class HostScorer implements Scorer {
  readonly #processors: AnyProcessor[];
  readonly #beams: boolean;

  constructor(settings: Settings) {
    this.#beams = settings.numBeams > 1;
    this.#processors = processorsOf(settings);
  }

  async score<State>(logits: Tensor, searches: readonly Search<State>[]): Promise<RowScores[][]> {
    const [, vocabulary] = logits.shape;
    const data = (await logits.data()) as Float32Array;
    let at = 0;
    return searches.map((search) => {
      const rows = search.hypotheses.map(({ tokens }) => {
        const scores = data.subarray(at * vocabulary, (at + 1) * vocabulary);
        at++;
        return { scores, tokens };
      });
      const normalize = new LogSoftmax();
      if (this.#beams) for (const { scores } of rows) normalize.process(scores);
      applyProcessors(this.#processors, rows, contextOf(search), this.#beams);
      return rows;
    });
  }
}
