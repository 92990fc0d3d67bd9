// What the decoding loop asks of a search over one source's hypotheses.
import { AthanorError } from "../errors.js";
import type { Hypothesis } from "./hypothesis.js";
import type { NextTokenModel, Source } from "./next-token-model.js";
import type { RowScores } from "./row-scores.js";
import type { Settings } from "./settings.js";
import type { Stopping } from "./stopping.js";

export interface Sequence {
  tokens: Int32Array;
  /** Of the generated tokens. */
  logProbabilities: Float32Array;
  /** With beams. */
  score?: number;
}

/** A token that has been decided on. */
export interface Chosen {
  token: number;
  logProbability: number;
}

export interface Search<State> {
  readonly source: Source;
  /** Those that go on; none when the search is done. */
  readonly hypotheses: readonly Hypothesis<State>[];
  /** Takes the next token's processed scores of each hypothesis. @throws ERR_ARGUMENT when all are forbidden */
  advance(rows: readonly RowScores[]): void;
  /** When there are no hypotheses any more. */
  results(): Sequence[];
  /** What the last `advance` decided for good, without beams. */
  readonly chosen: readonly Chosen[];
}

export interface SearchParts<State> {
  source: Source;
  first: Hypothesis<State>;
  model: NextTokenModel<State>;
  settings: Settings;
  stopping: Stopping;
}

export function nothingAllowed(example: number, length: number): AthanorError {
  return new AthanorError(
    "ERR_ARGUMENT",
    `generate: needs a token that may follow the ${length} of example ${example}, all are forbidden by the options`,
  );
}
