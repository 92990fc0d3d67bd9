// A model that is a table: the logits of the next token are random numbers that depend on the example and all tokens
// before it, so that every search can be compared with one that tries everything.
import type { GenerativeModel } from "../../src/generation/generate.js";
import type { Admitted, NextTokenModel, Source } from "../../src/generation/next-token-model.js";
import type { GenerationConfig } from "../../src/generation/options.js";
import { untracked } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../support/random.js";

interface State {
  inputIds: Int32Array;
  tokens: number[];
  released: boolean;
}

/** What the table holds for these tokens; `inputIds` stands for the example. */
export function tableLogits(
  inputIds: ArrayLike<number>,
  tokens: readonly number[],
  vocabulary: number,
): Float32Array {
  let seed = 17;
  for (const id of [...Array.from(inputIds), -1, ...tokens]) seed = (Math.imul(seed, 31) + id + 7) >>> 0;
  return randomData([vocabulary], seed, 1.5);
}

export class TableModel implements GenerativeModel {
  readonly isEncoderDecoder = true;
  readonly inputPositions = 6;
  readonly decoderPositions = 12;
  /** Hypotheses that were started or forked and neither dropped nor released. */
  readonly live = new Set<State>();
  /** Rows of each step. */
  readonly steps: number[] = [];
  /** Those of each step whose tokens came from the device. */
  readonly stepsAhead: number[] = [];
  disposed = 0;

  constructor(
    readonly vocabulary: number,
    readonly generationConfig: GenerationConfig = { decoderStartTokenId: 0, eosTokenId: 1 },
  ) {}

  nextTokens(): NextTokenModel<unknown> {
    const table: NextTokenModel<State> = {
      vocabulary: this.vocabulary,
      admit: (sources) => sources.map((source) => this.#admit(source)),
      fork: (state) => this.#track({ ...state, tokens: [...state.tokens] }),
      drop: (state) => {
        this.live.delete(state);
      },
      step: (states, tokens) => this.#step(states, tokens),
      stepAhead: (states, tokens) => {
        this.stepsAhead.push(states.length);
        const ids = tokens.dataSync() as Int32Array;
        return this.#step(
          states,
          states.map((_, i) => ids.subarray(i, i + 1)),
        );
      },
      dispose: () => {
        this.disposed++;
      },
    };
    return table as NextTokenModel<unknown>;
  }

  #track(state: State): State {
    this.live.add(state);
    return state;
  }

  #admit({ inputIds }: Source): Admitted<State> {
    const state = this.#track({ inputIds: inputIds as Int32Array, tokens: [], released: false });
    const release = () => {
      for (const other of this.live) if (other.inputIds === inputIds) this.live.delete(other);
    };
    return { state, release };
  }

  #step(states: readonly State[], tokens: readonly Int32Array[]): Tensor {
    this.steps.push(states.length);
    const data = new Float32Array(states.length * this.vocabulary);
    states.forEach((state, i) => {
      state.tokens.push(...tokens[i]);
      data.set(tableLogits(state.inputIds, state.tokens, this.vocabulary), i * this.vocabulary);
    });
    return untracked(() => tensor(data, [states.length, this.vocabulary], { device: "cpu" }));
  }
}

/** log softmax in f64 */
export function logProbabilities(logits: Float32Array): number[] {
  const sum = Math.log(logits.reduce((total, x) => total + Math.exp(x), 0));
  return Array.from(logits, (x) => x - sum);
}

export interface Complete {
  tokens: number[];
  score: number;
}

/** Every sequence that ends in `end` or has `most` generated tokens, best first. */
export function exhaustive(
  inputIds: number[],
  { vocabulary, start, end, most, lengthPenalty }: Record<string, number>,
): Complete[] {
  const found: Complete[] = [];
  const extend = (tokens: number[], sum: number) => {
    const log = logProbabilities(tableLogits(inputIds, tokens, vocabulary));
    log.forEach((value, token) => {
      const next = [...tokens, token];
      const total = sum + value;
      if (token !== end && next.length <= most) extend(next, total);
      else found.push({ tokens: next, score: total / (next.length - 1) ** lengthPenalty });
    });
  };
  extend([start], 0);
  return found.sort((a, b) => b.score - a.score);
}
